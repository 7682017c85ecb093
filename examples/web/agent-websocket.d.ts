// SPDX-License-Identifier: MIT
//
// Types of agent-websocket.js: the client with its options, events and transcript, and the messages of the protocol as far as an
// application sees them. The words of the wire (snake_case) are kept as they are.

export type State = 'idle' | 'connecting' | 'catching_up' | 'live' | 'waiting' | 'stopped';
export type AnswerStatus = 'completed' | 'cancelled' | 'failed' | 'incomplete';
export type Capability = 'delta' | 'reasoning' | 'feedback' | 'tools' | (string & {});

/** What the client bounds, in messages, characters, bytes and milliseconds. */
export const limits: Readonly<Record<string, number>>;

/** A content part as the OpenRouter chat API takes it from a user. */
export type ContentPart =
  | { type: 'text'; text: string }
  | { type: 'image_url'; image_url: { url: string; detail?: string } }
  | { type: 'file'; file: Record<string, unknown> }
  | { type: 'input_audio'; input_audio: { data: string; format: string } };
export type Content = string | ContentPart[];

export interface QueryOptions {
  /** Its idempotency key: 1 to 64 of A-Z a-z 0-9 _ . : -; made when missing. */
  id?: string;
  /** Whether the answer is streamed; by default it is when `caps` has 'delta'. */
  stream?: boolean;
  /** 0 (last) to 9 (first); 5 by default. */
  priority?: number;
  /** What happens while another answer is running; 'queue' by default. */
  overlap?: 'queue' | 'reject' | 'interrupt' | 'latest';
  timeout_ms?: number;
  model?: string;
  /** Echoed with the answer; at most 4 KiB. */
  meta?: Record<string, unknown>;
  /** Further tools for this query alone, which the event `tool_call` brings. */
  tools?: ToolDeclaration[];
}

export interface ToolDeclaration {
  name: string;
  description?: string;
  /** JSON Schema of the arguments. */
  parameters?: Record<string, unknown>;
}

/** A tool that runs here. */
export interface Tool {
  description?: string;
  parameters?: Record<string, unknown>;
  /**
   * Gives the result, which has to be JSON; what it throws is told to the model, as words. `signal` is aborted when nobody waits any more.
   * Without it the call comes by the event `tool_call`.
   */
  run?: (args: any, context: { signal: AbortSignal; call: ToolCall }) => unknown;
}

export interface ToolCall {
  id: string;
  /** The query. */
  ref?: string;
  name: string;
  arguments: any;
}

/** What a tool is doing, whoever runs it. */
export interface ToolProgress {
  call: string;
  name: string;
  arguments?: any;
  /** 'waiting' is for a person. */
  state: 'calling' | 'waiting' | 'done' | 'failed' | (string & {});
  /** For people, of 'failed'. */
  error?: string;
}

export type Decision = 'approve' | 'reject' | 'edit' | 'answer';

/** The server asks a person; `decide` answers. */
export interface FeedbackRequest {
  id: string;
  /** The query that waits for it. */
  ref?: string;
  kind: 'approval' | 'question' | (string & {});
  content: string;
  /** Of an approval. */
  tool?: { name: string; arguments: any };
  expires_at?: string;
  /** What holds when nobody decides. */
  default?: Decision;
  [field: string]: unknown;
}

export interface Feedback {
  id?: string;
  /** The request that it decides, or the answer (its query or its stream) that it judges. */
  ref?: string;
  decision?: Decision;
  data?: unknown;
  rating?: number;
  content?: string;
  correction?: string;
  meta?: Record<string, unknown>;
}

/** A message from the server, as it came. */
export interface Message {
  type: 'response' | 'notification' | 'status' | 'error' | 'human_feedback';
  op?: string;
  id?: string;
  ref?: string;
  stream?: string;
  seq?: number;
  content?: string;
  code?: string;
  retryable?: boolean;
  retry_after_ms?: number;
  replay?: boolean;
  data?: any;
  timestamp?: string;
  [field: string]: unknown;
}

export interface AnswerError {
  code: string;
  content: string;
  retryable: boolean;
  retry_after_ms?: number;
}

/** One query and its answer. The client changes it; the application only reads. */
export interface Answer {
  /** Id of the query. Null until the first message that names it, when another tab asked. */
  readonly ref: string | null;
  readonly stream: string | null;
  readonly kind: 'query' | 'regenerate';
  /** False when another socket of the session asked. */
  readonly own: boolean;
  /** Null when it was not asked here. */
  readonly question: Content | null;
  /** What is there so far, whole and in order. */
  readonly text: string;
  /** Source chunks that `text` has. */
  readonly have: number;
  /** What came of the model's reasoning, with the capability 'reasoning'; may have holes. */
  readonly reasoning: string;
  readonly reasoning_have: number;
  /** Null while it is open. */
  readonly status: AnswerStatus | null;
  /** Why it failed. */
  readonly error: AnswerError | null;
  /** Whether the server has the query. */
  readonly accepted: boolean;
  /** Place in the server's queue; 0 when it runs or nobody said. */
  readonly position: number;
  readonly model: string | null;
  readonly finish_reason: string | null;
  readonly usage: Record<string, any> | null;
  readonly meta: Record<string, unknown> | null;
  /** Number of its terminal message. */
  readonly seq: number | null;
}

export interface Transcript {
  /** In the order of their beginning. */
  readonly answers: readonly Answer[];
  /** Oldest first. */
  readonly notifications: readonly Message[];
}

export interface Events {
  /** `code` and `reason` after an end, `delay_ms` with `waiting`. */
  state: { state: State; previous: State; code?: number; reason?: string; delay_ms?: number };
  welcome: { message: Message; recovered: boolean };
  /** `appended` is null when the text did not grow but was replaced. */
  text: { answer: Answer; text: string; appended: string | null };
  reasoning: { answer: Answer; text: string; appended: string | null };
  tool: { tool: ToolProgress; message: Message; answer: Answer | null };
  /** A call of a tool without `run`: `toolResult` or `toolError` answers. Once for a call, whatever the connection does. */
  tool_call: { call: ToolCall; answer: Answer | null };
  /** Once for each query, whatever happens. */
  answer: { answer: Answer; message: Message | Record<string, unknown> };
  notification: { message: Message };
  /** A request for a decision, once for each. `open` is false when it comes by replay and was decided meanwhile. */
  feedback_request: { request: FeedbackRequest; open: boolean };
  /** Of a request that was told. `reason` is null when a person decided, 'gone' when the server does not know of it any more. */
  feedback_resolved: { id: string; decision: Decision | null; reason: 'expired' | 'cancelled' | 'gone' | null; request: FeedbackRequest };
  status: { message: Message; answer?: Answer | null };
  error: { message: Message; answer: Answer | null };
  /** The transcript was dropped. What is still open has no text again; with `same_session` the server sends what it has. */
  reset: { reason: string; same_session: boolean };
  stopped: { code: number; reason: string };
}

export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
  /** From 0 to below 1. */
  random(): number;
}

export interface Options {
  /** ws: or wss:, without a token in it. */
  url: string;
  /** What the application can show; ['delta'] by default. */
  caps?: Capability[];
  /** What the model may call here, by name; the capability 'tools' is added. */
  tools?: Record<string, Tool>;
  /** Name and version of the application. */
  client?: string;
  /** Asked before each attempt, and when the token of the connection ends soon; nothing or '' is no token. */
  token?: () => string | null | undefined | Promise<string | null | undefined>;
  /** The global one by default; that of the package ws tells why an upgrade was refused. */
  WebSocket?: new (url: string) => any;
  /** For instance sessionStorage: keeps session and transcript across a reload. */
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  storageKey?: string;
  clock?: Partial<Clock>;
}

export class AgentWebSocketError extends Error {
  constructor(code: string, message: string, retryable?: boolean);
  /** An error code of the protocol, or outbox_full, not_live, no_answer, connection_lost. */
  readonly code: string;
  readonly retryable: boolean;
}

/** One session with an agent, over as many connections as it takes. */
export class AgentWebSocket {
  constructor(options: Options);

  readonly state: State;
  readonly sessionId: string | null;
  /** Number of the last numbered message that was applied. */
  readonly lastSeq: number;
  /** What the server said about its limits in the last welcome. */
  readonly limits: {
    max_message_bytes?: number;
    /** Of a query's text; absent: only max_message_bytes. */
    max_content_bytes?: number;
    /** Messages that ask for something; absent: no limit. */
    messages_per_minute?: number;
    /** Of them at once, after a rest. */
    message_burst?: number;
    max_queued?: number;
  };
  readonly stopped: { code: number; reason: string } | null;
  /** Attempts since it was live for a while. */
  readonly attempts: number;
  /** To the next attempt; 0 when none waits. */
  readonly retryInMs: number;
  readonly transcript: Transcript;
  /** Ids of what the server does not have yet. */
  readonly outbox: string[];

  /** Requests for a decision that are open, oldest first. */
  readonly requests: FeedbackRequest[];

  /** The answer to that query, or of that stream. */
  answer(name: string): Answer | null;
  /** Connects; at once also when it was waiting. */
  start(): void;
  /** Closes the connection; `start` resumes the session. */
  stop(): void;
  /** For a page's `online` and `visibilitychange`: looks at the clock, and shortens a long wait. */
  hurry(): void;
  /** Gives the id. Throws AgentWebSocketError at once: outbox_full, too_large, bad_message. */
  query(content: Content, options?: QueryOptions): string;
  /** Without `ref` the running answer. False when it cannot be done now. */
  cancel(ref?: string): boolean;
  /** Gives the id. Kept until the server has it. */
  feedback(fields: Feedback): string;
  /**
   * Decides on a request; gives the id of the decision, for `outcome`. `content` of 'reject' is told to the model; 'edit' needs `data`, the
   * other arguments; 'answer' needs `data` or `content`. Kept until the server has it.
   */
  decide(ref: string, decision: Decision, fields?: { content?: string; data?: unknown; id?: string; meta?: Record<string, unknown> }): string;
  /** Kept until the server has it. Throws AgentWebSocketError, with not_found when nobody waits for it. */
  toolResult(call: string, data: unknown): void;
  /** Why there is no result, in words for the model. */
  toolError(call: string, words: string): void;
  /** Gives the id. `set` and `regenerate` are kept until the server has them; all others throw not_live without a connection. */
  command(op: string, fields?: Record<string, unknown>): string;
  /** A command and the message that answers it; rejects with AgentWebSocketError. */
  request(op: string, fields?: Record<string, unknown>, options?: { replies?: boolean; timeoutMs?: number }): Promise<Message>;
  /** What the server says to what was sent with that id: its acknowledgement or, with `replies`, the message after it. */
  outcome(id: string, options?: { replies?: boolean; timeoutMs?: number }): Promise<Message>;
  /** Empties the transcript here, and withdraws what was not sent. */
  forget(): void;
  /** Gives the way to stop listening. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void;
  /** Writes what a reload needs. Happens by itself. */
  save(): void;
}

export type Action =
  | { kind: 'connect' }
  | { kind: 'send'; text: string }
  | { kind: 'close'; code: number }
  | { kind: 'event'; name: keyof Events; detail: any }
  | { kind: 'save' }
  | { kind: 'abort'; call: string };

/** The protocol alone: what happened and the time go in, actions come out. For other transports and for tests. */
export class ClientCore {
  constructor(options: { caps?: Capability[]; client?: string; tools?: ToolDeclaration[]; random?: () => number; newId: (kind: string) => string });
  readonly actions: Action[];
  readonly state: State;
  start(now: number): void;
  stop(): void;
  hurry(now: number): void;
  query(content: Content, options?: QueryOptions): string;
  feedback(fields: Feedback): string;
  decide(ref: string, decision: Decision, fields?: Partial<Feedback>): string;
  toolResult(ref: string, outcome: { data: unknown } | { error: string }): void;
  command(op: string, fields?: Record<string, unknown>): string;
  cancel(ref?: string): boolean;
  forget(): void;
  adopt(newer: { session_id?: string; epoch?: string; token?: string }): void;
  opened(token: string | null | undefined, now: number): void;
  received(text: string, now: number): void;
  closed(code: number, reason: string, now: number): void;
  refused(status: number, now: number): void;
  impossible(reason: string): void;
  /** When `tick` is due; Infinity when nothing is. */
  deadline(): number;
  tick(now: number): void;
  snapshot(): unknown;
  /** False when it is not a snapshot. */
  restore(kept: unknown): boolean;
}
