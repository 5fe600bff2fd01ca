// Spans for tests: what is not said is usual.

import type { Span } from '../../src/api/types';

export function span(id: string, parent: string | undefined, from: number, to: number | undefined, more: Partial<Span> = {}): Span {
  return {
    span_id: id, trace_id: 't', name: id, type: 'tool', start_us: from, status: 'unset',
    ...(parent ? { parent_id: parent } : {}), ...(to === undefined ? {} : { end_us: to }), ...more,
  };
}
