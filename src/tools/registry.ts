// Tools by name: one registry for each agent, and one for the process that agents may draw on.
import { AgentError } from '../errors.ts';
import { isTool, type Tool } from './tool.ts';

/** Names beyond this are not listed to a model that asked for an unknown tool. */
const MAX_LISTED = 50;

/** Tools under their names, in the order in which they came; a name is taken once. */
export class ToolRegistry {
  readonly #tools = new Map<string, Tool>();

  /** @throws AgentError `ERR_TOOL_DEFINITION` as {@link ToolRegistry.registerAll} does */
  constructor(tools: Iterable<Tool> = []) {
    this.registerAll(tools);
  }

  get size(): number {
    return this.#tools.size;
  }

  /** @throws AgentError `ERR_TOOL_DEFINITION` when it is not a tool or its name is taken */
  register(tool: Tool): void {
    this.registerAll([tool]);
  }

  /**
   * All or none.
   * @returns how many were registered
   * @throws AgentError `ERR_TOOL_DEFINITION`
   */
  registerAll(tools: Iterable<Tool>): number {
    const added = new Map<string, Tool>();
    for (const tool of tools) {
      if (!isTool(tool)) {
        throw new AgentError('ERR_TOOL_DEFINITION', 'this is not a tool', {
          field: 'tools',
          rule: 'made by tool({ ... })',
          fix: 'Wrap the definition in tool({ ... })',
        });
      }
      if (this.#tools.has(tool.name) || added.has(tool.name)) {
        throw new AgentError('ERR_TOOL_DEFINITION', `the name ${tool.name} is taken`, {
          field: 'name',
          rule: 'one tool for each name',
          fix: 'Choose another name, or unregister the first one',
        });
      }
      added.set(tool.name, tool);
    }
    for (const [name, tool] of added) this.#tools.set(name, tool);
    return added.size;
  }

  /**
   * Every tool a module exports: `import * as weather from './weather.ts'; registry.registerModule(weather)`.
   * @returns how many were registered
   * @throws AgentError `ERR_TOOL_DEFINITION` when it exports none
   */
  registerModule(exports: Readonly<Record<string, unknown>>): number {
    const tools = Object.values(exports).filter(isTool);
    if (tools.length === 0) {
      throw new AgentError('ERR_TOOL_DEFINITION', 'the module exports no tool', {
        field: 'exports',
        rule: 'at least one value made by tool({ ... })',
        fix: 'Export the tools by name',
      });
    }
    // A module may export one tool under two names, `default` for instance.
    return this.registerAll(new Set(tools));
  }

  /** @returns whether there was one */
  unregister(name: string): boolean {
    return this.#tools.delete(name);
  }

  get(name: string): Tool | undefined {
    return this.#tools.get(name);
  }

  has(name: string): boolean {
    return this.#tools.has(name);
  }

  /** In order of registration. */
  list(): readonly Tool[] {
    return [...this.#tools.values()];
  }

  /** @throws AgentError `ERR_TOOL_UNKNOWN`, whose text tells the model the names it may use */
  require(name: string): Tool {
    const tool = this.#tools.get(name);
    if (tool !== undefined) return tool;
    const names = [...this.#tools.keys()].slice(0, MAX_LISTED).join(', ');
    throw new AgentError('ERR_TOOL_UNKNOWN', `unknown tool ${JSON.stringify(name.slice(0, 64).toWellFormed())}`, {
      rule: names === '' ? 'there are no tools' : `known tools: ${names}`,
      fix: names === '' ? 'Answer without a tool' : 'Call one of these, or answer without a tool',
    });
  }
}

/**
 * One registry of the process: register tools here and give `tools: globalTools` to agents. `livekitex-agent start` shows
 * it under /tools.
 */
export const globalTools: ToolRegistry = new ToolRegistry();
