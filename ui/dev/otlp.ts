// Invented sessions as OTLP JSON, to fill a real `spanreel serve`: `npm run seed -- http://127.0.0.1:4318 [SESSIONS]`.

import { session } from './agents';
import { hostile } from './odd';
import type { Recorded } from './writer';

type AnyValue = Record<string, unknown>;

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (value !== null && typeof value === 'object') {
    const special = value as Record<string, unknown>;
    if (typeof special['$int'] === 'string') return { intValue: special['$int'] };
    if (typeof special['$double'] === 'string') return { doubleValue: special['$double'] };
    if (typeof special['$bytes'] === 'string') return { bytesValue: special['$bytes'] };
    return { kvlistValue: { values: Object.entries(value).map(([key, item]) => ({ key, value: anyValue(item) })) } };
  }
  return { stringValue: String(value).replace(/[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/g, '\ufffd') };
}

function attributes(values: Record<string, unknown>): unknown[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, value: anyValue(value) }));
}

function nanos(us: number): string {
  return `${Math.round(us)}000`;
}

const OPERATIONS: Record<string, string> = {
  session: 'invoke_agent', agent: 'invoke_agent', delegation: 'invoke_agent', llm: 'chat', embeddings: 'embeddings', tool: 'execute_tool', retrieval: 'retrieval',
};

/** What was said to and by the span's model, in the form of the semantic conventions. */
function said(recorded: Recorded, spanId: string): Record<string, unknown> {
  const turn = recorded.messages.findIndex((message) => message.span_id === spanId && message.role === 'assistant');
  if (turn < 0) return {};
  const form = (message: Recorded['messages'][number]): unknown => ({
    role: message.role,
    parts: message.parts.map((part) => ({ type: part.type, content: part.text, name: part.name, id: part.call_id, arguments: part.arguments, response: part.result })),
  });
  // What came since the last answer of a model is the input of this one; the call of a tool is its own.
  const before: unknown[] = [];
  for (let i = turn - 1; i >= 0 && before.length < 6; i--) {
    const message = recorded.messages[i]!;
    if (message.role === 'assistant' && message.parts[0]?.type !== 'tool_call') break;
    before.unshift(form(message));
  }
  return {
    'gen_ai.input.messages': before.length ? JSON.stringify(before) : undefined,
    'gen_ai.output.messages': JSON.stringify([form(recorded.messages[turn]!)]),
  };
}

function spanOf(recorded: Recorded, span: Recorded['spans'][number]): unknown {
  return {
    traceId: span.trace_id, spanId: span.span_id, ...(span.parent_id ? { parentSpanId: span.parent_id.padStart(16, '0').slice(-16).replace(/[^0-9a-f]/g, '0') } : {}),
    name: span.name, kind: span.type === 'llm' ? 3 : 1,
    startTimeUnixNano: nanos(span.start_us), endTimeUnixNano: nanos(span.end_us),
    status: span.status === 'error' ? { code: 2, message: span.message?.replace(/[\ud800-\udfff]/g, '\ufffd') } : {},
    attributes: [
      ...span.attributes.map(({ key, value }) => ({ key, value: anyValue(value) })),
      ...attributes({
        'session.id': recorded.id,
        'gen_ai.agent.name': span.agent,
        ...(span.attributes.some(({ key }) => key === 'gen_ai.operation.name') ? {} : { 'gen_ai.operation.name': OPERATIONS[span.type] }),
        ...(span.model && !span.attributes.some(({ key }) => key === 'gen_ai.request.model') ? { 'gen_ai.request.model': span.model } : {}),
        'gen_ai.usage.cost': span.cost,
        'gen_ai.usage.cache_read.input_tokens': span.cached_tokens,
        'gen_ai.response.time_to_first_chunk': span.ttft_us === undefined ? undefined : span.ttft_us / 1e6,
        ...(recorded.captured && span.type === 'llm' ? said(recorded, span.span_id) : {}),
      }),
    ],
    events: span.events.map((event) => ({ name: event.name, timeUnixNano: nanos(event.time_us), attributes: event.attributes.map(({ key, value }) => ({ key, value: anyValue(value) })) })),
  };
}

/** Sends a session to an OTLP receiver over HTTP. Throws where it is not taken. */
export async function send(url: string, recorded: Recorded): Promise<void> {
  const resource = { attributes: attributes({ 'service.name': recorded.service, 'user.id': recorded.user }) };
  const scope = { name: 'spanreel-ui-dev' };
  const post = async (path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${recorded.id}: ${response.status} ${await response.text()}`);
  };
  await post('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: recorded.spans.map((span) => spanOf(recorded, span)) }] }] });
  if (!recorded.logs.length) return;
  await post('/v1/logs', {
    resourceLogs: [{
      resource,
      scopeLogs: [{
        scope,
        logRecords: recorded.logs.map((log) => ({
          timeUnixNano: nanos(log.time_us), severityNumber: log.severity_number, severityText: log.severity, body: anyValue(log.body),
          traceId: recorded.trace_id, spanId: log.span_id,
        })),
      }],
    }],
  });
}

/** A day of invented sessions, and the hostile one. */
export async function seed(url: string, sessions: number): Promise<void> {
  const now = Date.now() * 1000;
  await send(url, hostile(now - 300e6));
  for (let i = 0; i < sessions; i++) await send(url, session(1000 + i, Math.round(now - 150e6 - 86_400e6 * (i / sessions) ** 1.6)));
}

if (process.argv[1] === import.meta.filename) {
  const [url = 'http://127.0.0.1:4318', sessions = '200'] = process.argv.slice(2);
  await seed(url.replace(/\/$/, ''), Number(sessions));
  console.log(`sent ${sessions} sessions to ${url}`);
}
