// All deliberate faults, by the folder they are made in.
import { agentControl, sessionChannel } from './channels.ts';
import type { MutantTable } from './mutant.ts';
import { room } from './room.ts';
import { supervisor } from './supervisor.ts';
import { worker } from './worker.ts';

export const TABLES: readonly MutantTable[] = [supervisor, room, agentControl, sessionChannel, worker];
