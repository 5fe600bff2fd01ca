// The shapes of `/api/v1`, as the server sends them.
//
// Times and durations are microseconds. What is unknown is absent: never null, never 0.

export type State = 'running' | 'done' | 'failed' | 'incomplete' | 'stalled';

export const STATES: readonly State[] = ['running', 'done', 'failed', 'incomplete', 'stalled'];

/** One row of the list of sessions. */
export interface Summary {
  id: string;
  trace_id: string;
  state: State;
  service?: string;
  agent?: string;
  agents: string[];
  user?: string;
  models: string[];
  tags: string[];
  start_us: number;
  end_us?: number;
  duration_us?: number;
  last_us: number;
  spans: number;
  llm_calls: number;
  tool_calls: number;
  errors: number;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  reasoning_tokens?: number;
  cost?: number;
  currency?: string;
  error?: { type?: string; message?: string; span_id?: string };
  delegated_from?: { session_id?: string; trace_id: string; span_id: string };
  sampled?: 'kept' | 'dropped' | 'undecided';
}

/** Totals of one model, tool or agent within a session. */
export interface Totals {
  model?: string;
  provider?: string;
  tool?: string;
  agent?: string;
  calls: number;
  errors: number;
  duration_us?: number;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  reasoning_tokens?: number;
  cost?: number;
}

export interface SessionLink {
  session_id?: string;
  trace_id: string;
  span_id?: string;
  relation?: string;
}

export interface Session extends Summary {
  by_model: Totals[];
  by_tool: Totals[];
  by_agent: Totals[];
  resource: Record<string, unknown>;
  links: SessionLink[];
  previous_id?: string;
  logs: number;
}

export type SpanType =
  | 'session'
  | 'agent'
  | 'workflow'
  | 'llm'
  | 'embeddings'
  | 'retrieval'
  | 'tool'
  | 'action'
  | 'delegation'
  | 'other';

export interface Span {
  span_id: string;
  parent_id?: string;
  trace_id: string;
  name: string;
  type: SpanType;
  start_us: number;
  /** Absent while the span is open. */
  end_us?: number;
  status: 'unset' | 'ok' | 'error';
  message?: string;
  agent?: string;
  model?: string;
  provider?: string;
  tool?: string;
  call_id?: string;
  input_tokens?: number;
  output_tokens?: number;
  cached_tokens?: number;
  reasoning_tokens?: number;
  cost?: number;
  ttft_us?: number;
  error_type?: string;
  incomplete?: boolean;
  retry?: number;
  delegate_to?: { agent?: string; session_id?: string; trace_id?: string };
  events?: number;
  links?: number;
}

export interface Attribute {
  key: string;
  value: unknown;
}

export interface SpanDetail extends Omit<Span, 'events' | 'links'> {
  kind?: string;
  attributes: Attribute[];
  events: { name: string; time_us: number; attributes: Attribute[] }[];
  links: { trace_id: string; span_id: string; attributes: Attribute[] }[];
  resource: Attribute[];
  scope?: { name?: string; version?: string };
  dropped?: { attributes?: number; events?: number; links?: number };
}

export interface Part {
  type: 'text' | 'reasoning' | 'tool_call' | 'tool_result' | 'media';
  text?: string;
  name?: string;
  call_id?: string;
  arguments?: unknown;
  result?: unknown;
}

export interface Message {
  span_id: string;
  time_us: number;
  role: 'system' | 'user' | 'assistant' | 'tool';
  parts: Part[];
}

export interface Log {
  time_us: number;
  severity?: string;
  severity_number?: number;
  body?: unknown;
  event_name?: string;
  span_id?: string;
  attributes?: Attribute[] | Record<string, unknown>;
}

export interface Page<T> {
  items: T[];
  next?: string;
  total?: number;
  total_at_least?: number;
  /** Of messages: false where the sender records no content. */
  captured?: boolean;
}

export interface Activity {
  from_us: number;
  bucket_us: number;
  sessions: number[];
  spans: number[];
  errors: number[];
}

export interface Series {
  key: string;
  calls: number[];
  errors: number[];
  input_tokens: number[];
  output_tokens: number[];
  cached_tokens: number[];
  cost: number[];
}

export interface Usage {
  from_us: number;
  bucket_us: number;
  series: Series[];
  totals: {
    calls?: number;
    errors?: number;
    input_tokens?: number;
    output_tokens?: number;
    cached_tokens?: number;
    reasoning_tokens?: number;
    cost?: number;
    retries_cost?: number;
    failed_sessions_cost?: number;
  };
}

export interface LatencyRow {
  key: string;
  count: number;
  errors: number;
  p50_us: number;
  p90_us: number;
  p99_us: number;
  ttft_p50_us?: number;
  ttft_p99_us?: number;
}

export type Counts = Record<string, number>;

export interface Book {
  received?: number;
  ended?: number;
  recovered?: number;
  /** In open sessions, not yet in the book. */
  held?: number;
  in_flight?: number;
  fates: Counts;
}

export interface Lane {
  name: string;
  endpoint?: string;
  state: 'ok' | 'retrying' | 'away' | 'denied' | 'full';
  /** It has what sampling leaves out, too: the store. */
  before_sampling?: boolean;
  handed: number;
  /** Found on disk at the start. */
  recovered?: number;
  exported: number;
  waiting: number;
  on_disk?: number;
  on_disk_bytes?: number;
  oldest_us?: number;
  lag_us?: number;
  retries: number;
  last_error?: { time_us: number; message: string };
  /** Batches that wait in memory. */
  queue?: { batches: number; capacity: number };
  under_way?: number;
  fates: Counts;
}

export interface Quarantined {
  id: string;
  lane: string;
  items: number;
  bytes: number;
  reason: string;
  time_us: number;
}

export interface Receiver {
  name: string;
  /** Where to send OTLP over HTTP to, `http://127.0.0.1:4318`. */
  endpoint?: string;
  /** Where telemetry is received, by protocol. */
  endpoints?: Record<string, string>;
  requests: number;
  by_protocol?: Counts;
  spans?: number;
  logs?: number;
  metrics?: number;
  bytes?: number;
  /** Items of requests that were taken in part. */
  rejected?: number;
  connections?: number;
  errors?: Counts;
  connection_errors?: Counts;
}

/** What was taken out of texts; in a dry run, what would have been. */
export interface Redaction {
  dry_run: boolean;
  texts: number;
  changed: number;
  detectors: { name: string; changed: number }[];
  rules?: { name: string; action: string; changed: number }[];
}

export interface Pipeline {
  time_us: number;
  receivers: Receiver[];
  ledger: Record<string, Book>;
  lanes: Lane[];
  queues: { name: string; items: number; bytes?: number; capacity?: number }[];
  spool?: { bytes: number; budget?: number; records: number; stuck?: boolean; quarantine_requests?: number; quarantined?: Quarantined[] };
  sampling?: { rules: { name: string; kept: number; dropped: number }[] };
  store?: { kind: string; bytes?: number; sessions: number; spans: number; behind?: number };
  redaction?: Redaction;
  memory?: { budget: number; used: number };
}

/** What `export?format=json` sends, and what is embedded in an exported page. */
export interface Recording {
  session: Session;
  spans: SpanDetail[];
  messages: Page<Message>;
  logs: Page<Log>;
}
