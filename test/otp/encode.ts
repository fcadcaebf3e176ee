// Scenarios as Erlang terms, in the shape that driver.erl reads.
import type { Action, Child, Scenario, Step } from './scenario.ts';

export function encode({ n, top, steps }: Scenario): string {
  return `{scenario, ${n}, ${encodeKind(top)}, [${steps.map(encodeStep).join(', ')}]}.\n`;
}

function encodeKind(child: Child): string {
  const id = JSON.stringify(child.id);
  switch (child.kind) {
    case 'worker':
      return `{worker, [${child.starts.join(', ')}], ${child.manner}}`;
    case 'sup': {
      const children = child.children.map(encodeChild).join(', ');
      return `{sup, ${id}, ${child.strategy}, ${child.intensity}, ${child.auto}, x, x, x, [${children}]}`;
    }
    case 'dyn': {
      const { restart, shutdown, significant } = child.template;
      return `{dyn, ${id}, ${child.intensity}, ${child.auto}, {${restart}, ${shutdown}, ${significant}}, x, x, x}`;
    }
  }
}

function encodeChild(child: Child): string {
  return `{{${JSON.stringify(child.id)}, ${child.restart}, ${child.shutdown}, ${child.significant}}, ${encodeKind(child)}}`;
}

function encodeStep(step: Step): string {
  if (step.op !== 'burst') return encodeAction(step);
  return `{burst, ${JSON.stringify(step.sup)}, [${step.actions.map(encodeAction).join(', ')}]}`;
}

function encodeAction(action: Action): string {
  if (action.op === 'quit') return `{quit, ${JSON.stringify(action.id)}, ${action.reason}}`;
  if (action.op === 'start') return `{start, ${JSON.stringify(action.sup)}, ${encodeChild(action.child)}}`;
  return `{${action.op}, ${JSON.stringify(action.sup)}, ${JSON.stringify(action.id)}}`;
}
