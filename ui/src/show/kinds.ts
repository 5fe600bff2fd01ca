// How kinds of spans and states of sessions are called and coloured, everywhere on the page.

import type { SpanType, State } from '../api/types';

export const STATE_NAMES: Record<State, string> = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  incomplete: 'incomplete',
  stalled: 'stalled',
};

export const STATE_MEANINGS: Record<State, string> = {
  running: 'Spans are still arriving or open.',
  done: 'Ended without an error of its own.',
  failed: 'Ended with an error.',
  incomplete: 'Its program went away before the session ended.',
  stalled: 'Not ended, and nothing has been heard of it for a while.',
};

export const TYPE_NAMES: Record<SpanType, string> = {
  session: 'session',
  agent: 'agent',
  workflow: 'workflow',
  llm: 'LLM call',
  embeddings: 'embeddings',
  retrieval: 'retrieval',
  tool: 'tool',
  action: 'action',
  delegation: 'delegation',
  other: 'other',
};

/** The variable of the style sheet that holds the colour of a kind of span. */
export const TYPE_COLOURS: Record<SpanType, string> = {
  session: '--kind-frame',
  agent: '--kind-frame',
  workflow: '--kind-frame',
  llm: '--kind-llm',
  embeddings: '--kind-retrieval',
  retrieval: '--kind-retrieval',
  tool: '--kind-tool',
  action: '--kind-tool',
  delegation: '--kind-delegation',
  other: '--kind-other',
};

/** Colours of series in plots, in the order in which they are given out. */
export const SERIES_COLOURS = [
  '--series-1', '--series-2', '--series-3', '--series-4', '--series-5', '--series-6', '--series-7', '--series-8',
];
