// Writes an invented session: spans, messages and logs, on a clock of its own.

import type { Attribute, Log, Message, Part, SpanDetail, SpanType } from '../src/api/types';
import { Random } from './random';

/** A session from its beginning to its end. What of it is visible depends on the time of the question. */
export interface Recorded {
  id: string;
  trace_id: string;
  service: string;
  agent: string;
  user?: string;
  tags: string[];
  spans: (SpanDetail & { end_us: number })[];
  messages: Message[];
  logs: Log[];
  end: 'ends' | 'incomplete' | 'stalled';
  captured: boolean;
  delegated_from?: { session_id: string; trace_id: string; span_id: string };
}

export const PRICES: Record<string, { provider: string; input: number; output: number; speed: number }> = {
  'claude-sonnet-4-5': { provider: 'anthropic', input: 3e-6, output: 15e-6, speed: 70 },
  'claude-haiku-4-5': { provider: 'anthropic', input: 1e-6, output: 5e-6, speed: 140 },
  'gpt-5': { provider: 'openai', input: 1.25e-6, output: 10e-6, speed: 60 },
  'gpt-5-mini': { provider: 'openai', input: 0.25e-6, output: 2e-6, speed: 120 },
  'gemini-2.5-flash': { provider: 'gcp.gemini', input: 0.3e-6, output: 2.5e-6, speed: 160 },
};

export interface Place {
  id: string;
  agent: string;
}

export class Writer {
  readonly random: Random;
  readonly session: Recorded;
  /** Microseconds since 1970. */
  now: number;
  context = 900;

  constructor(seed: number, startUs: number, id: string, service: string, agent: string) {
    this.random = new Random(seed);
    this.now = startUs;
    this.session = {
      id, service, agent, trace_id: this.random.hex(32), tags: [], spans: [], messages: [], logs: [],
      end: 'ends', captured: true,
    };
  }

  pass(us: number): void {
    this.now += Math.round(this.random.around(us));
  }

  open(type: SpanType, name: string, under: Place | undefined, agent: string, attributes: Attribute[] = []): SpanDetail & { end_us: number } {
    const span: SpanDetail & { end_us: number } = {
      span_id: this.random.hex(16), trace_id: this.session.trace_id, name, type, start_us: this.now, end_us: this.now,
      status: 'unset', agent, kind: type === 'llm' ? 'client' : 'internal', attributes, events: [], links: [],
      resource: [{ key: 'service.name', value: this.session.service }, { key: 'telemetry.sdk.language', value: 'rust' }],
      scope: { name: 'spanreel', version: '0.1.0' },
      ...(under ? { parent_id: under.id } : {}),
    };
    this.session.spans.push(span);
    return span;
  }

  close(span: SpanDetail, error?: [string, string]): void {
    span.end_us = this.now;
    if (!error) return;
    span.status = 'error';
    [span.error_type, span.message] = error;
    span.attributes.push({ key: 'error.type', value: error[0] });
    span.events.push({
      name: 'exception', time_us: this.now,
      attributes: [{ key: 'exception.type', value: error[0] }, { key: 'exception.message', value: error[1] }],
    });
  }

  say(spanId: string, role: Message['role'], ...parts: Part[]): void {
    this.session.messages.push({ span_id: spanId, time_us: this.now, role, parts });
  }

  chat(under: Place, model: string, output: number, said: Part[], options: { error?: [string, string]; retry?: number } = {}): string {
    const price = PRICES[model]!;
    const span = this.open('llm', `chat ${model}`, under, under.agent);
    span.model = model;
    span.provider = price.provider;
    if (options.retry) span.retry = options.retry;
    const ttft = Math.round(this.random.around(options.error ? 200_000 : 550_000));
    this.now += ttft;
    if (!options.error) {
      this.pass((output / price.speed) * 1e6);
      span.ttft_us = ttft;
      span.input_tokens = Math.round(this.context);
      span.cached_tokens = this.context > 1500 ? Math.round(this.context * 0.7) : 0;
      span.output_tokens = Math.round(this.random.around(output));
      span.cost = (span.input_tokens - 0.9 * span.cached_tokens) * price.input + span.output_tokens * price.output;
      this.context += span.output_tokens + this.random.around(300);
      this.say(span.span_id, 'assistant', ...said);
    }
    span.attributes.push(
      { key: 'gen_ai.operation.name', value: 'chat' },
      { key: 'gen_ai.provider.name', value: price.provider },
      { key: 'gen_ai.request.model', value: model },
      { key: 'gen_ai.request.temperature', value: 0.2 },
      { key: 'gen_ai.request.max_tokens', value: 4096 },
      { key: 'gen_ai.response.id', value: `msg_${this.random.hex(20)}` },
      { key: 'gen_ai.response.finish_reasons', value: ['stop'] },
      { key: 'gen_ai.usage.input_tokens', value: span.input_tokens ?? 0 },
      { key: 'gen_ai.usage.output_tokens', value: span.output_tokens ?? 0 },
      { key: 'server.address', value: `api.${price.provider}.com` },
    );
    this.close(span, options.error);
    return span.span_id;
  }

  tool(under: Place, name: string, usual: number, input: unknown, result: unknown, options: { error?: [string, string]; type?: SpanType; retry?: number } = {}): void {
    const callId = `call_${this.random.hex(12)}`;
    const type = options.type ?? 'tool';
    const span = this.open(type, type === 'retrieval' ? `retrieval ${name}` : `execute_tool ${name}`, under, under.agent);
    span.tool = name;
    span.call_id = callId;
    if (options.retry) span.retry = options.retry;
    this.say(span.span_id, 'assistant', { type: 'tool_call', name, call_id: callId, arguments: input });
    this.pass(usual);
    this.log(span.span_id, options.error ? 'ERROR' : 'INFO', options.error ? `${name} failed: ${options.error[1]}` : `${name} answered`);
    this.say(span.span_id, 'tool', { type: 'tool_result', name, call_id: callId, result: options.error ? { error: options.error[1] } : result });
    span.attributes.push(
      { key: 'gen_ai.operation.name', value: 'execute_tool' },
      { key: 'gen_ai.tool.name', value: name },
      { key: 'gen_ai.tool.call.id', value: callId },
      { key: 'gen_ai.tool.call.arguments', value: JSON.stringify(input) },
    );
    this.close(span, options.error);
  }

  log(spanId: string, severity: 'INFO' | 'WARN' | 'ERROR', body: string): void {
    this.session.logs.push({
      time_us: this.now, severity, severity_number: { INFO: 9, WARN: 13, ERROR: 17 }[severity], body, span_id: spanId,
      attributes: [{ key: 'thread.name', value: 'worker-1' }],
    });
  }
}
