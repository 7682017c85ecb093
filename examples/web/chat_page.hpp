// SPDX-License-Identifier: MIT
//
// The chat page of the example server, made by tools/embed_page.py from chat.html: change that one.
#pragma once

#include <string_view>

inline constexpr char chat_page_text[] =
    R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<!-- Only two modules are loaded, from this server; trusted types make a string that is used as HTML an error instead of a hole. -->
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'">
<title>Agent WebSocket</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='9' fill='%230d6b5e'/%3E%3Cpath d='M8 12h13l-4-4M24 20H11l4 4' fill='none' stroke='%23fff' stroke-width='2.6' stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E">
<style>
:root {
  color-scheme: light;
  --bg: #f3f5f4; --surface: #fff; --sunken: #e6ebe9; --line: #d5dcd9; --edge: #7d8c87; --ink: #17201d; --muted: #53605b;
  --accent: #0d6b5e; --on-accent: #fff; --tint: #dcebe6; --bad: #a3271f; --bad-tint: #fbe9e6; --warn: #7a5200; --warn-tint: #fbf0d7; --good: #1d7a45;
  --shadow: 0 1px 2px rgb(15 35 30 / .06), 0 8px 28px rgb(15 35 30 / .09);
  --mono: ui-monospace, Menlo, Consolas, monospace;
  --left: max(1rem, env(safe-area-inset-left)); --right: max(1rem, env(safe-area-inset-right));
}
:root[data-theme="dark"] {
  color-scheme: dark;
  --bg: #0f1513; --surface: #18201e; --sunken: #232d2a; --line: #2b3633; --edge: #6d7d78; --ink: #e3eae7; --muted: #9baba5;
  --accent: #63cbb5; --on-accent: #05231d; --tint: #1b332d; --bad: #ff9c8f; --bad-tint: #371c19; --warn: #f0c56c; --warn-tint: #2e2611; --good: #63d391;
  --shadow: 0 1px 2px rgb(0 0 0 / .4), 0 8px 28px rgb(0 0 0 / .35);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { height: 100%; }
body {
  margin: 0; height: 100vh; height: var(--app-height, 100dvh); display: flex; flex-direction: column; overflow: hidden; background: var(--bg); color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif;
}
h1, h2, p { margin: 0; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; }
button:disabled { cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
::placeholder { color: var(--muted); opacity: 1; }

.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.row, header, .bar, .state, .activity, .actions, .code figcaption, [data-role="divider"] { display: flex; align-items: center; }
.row, .bar, .actions { flex-wrap: wrap; }
.row, header, .state, .activity, .body li { gap: .6rem; }
.example, .code, .card, .toast, dialog { border: 1px solid var(--line); border-radius: .9rem; background: var(--surface); color: var(--ink); }
.toast, dialog, #jump, #compose { box-shadow: var(--shadow); background: var(--surface); }
.primary, .round, .mark, .skip { background: var(--accent); color: var(--on-accent); }
.small, .example span, .state, .code figcaption, .actions, [data-role="divider"], #settings h3, #composer-note, #connection-state { font-size: .8125rem; color: var(--muted); }
.bar, .note, .field, .result, #jump, #server-output { font-size: .875rem; }
.note, .result, .activity, #empty p, #confirm p, dt { color: var(--muted); }
.note .button, .bar .button { border-color: currentColor; }
.bar, .note, .activity, #connection-state { font-variant-numeric: tabular-nums; }
.icon { width: 1.15rem; height: 1.15rem; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.button { min-height: 2.25rem; padding: .3rem .9rem; border: 1px solid var(--edge); border-radius: .7rem; }
.button:not(.primary) { background: none; }
.button:not(.primary):hover:enabled, .icon-button:hover { background: var(--tint); }
.button:disabled { opacity: .6; }
.icon-button, .round { display: inline-grid; place-items: center; flex: none; width: 2.5rem; height: 2.5rem; padding: 0; border: 0; border-radius: .75rem; }
.icon-button { background: none; color: var(--muted); }
.icon-button:hover { color: var(--ink); }
.link { padding: .2rem .3rem; border: 0; background: none; color: var(--accent); text-decoration: underline; text-underline-offset: .2em; }
.skip { position: absolute; left: .75rem; top: -4rem; z-index: 9; padding: .5rem .9rem; border-radius: .6rem; }
.skip:focus { top: .75rem; }

header { padding: max(.55rem, env(safe-area-inset-top)) var(--right) .55rem var(--left); border-bottom: 1px solid var(--line); }
h1 { font-size: 1rem; font-weight: 650; white-space: nowrap; }
.mark { width: 1.75rem; height: 1.75rem; padding: .3rem; border-radius: .55rem; stroke-width: 2.2; }
#connection-state { padding: .1rem .7rem; border: 1px solid var(--line); border-radius: 2rem; white-space: nowrap; }
#connection-state::before { content: ""; display: inline-block; width: .5rem; height: .5rem; margin-inline-end: .45rem; border-radius: 50%; background: var(--warn); }
#connection-state[data-state="live"]::before { background: var(--good); }
#connection-state[data-state="stopped"]::before { background: var(--bad); }
.tools { display: flex; margin-inline: auto -.5rem; }
.bar { justify-content: center; gap: .3rem .8rem; padding: .4rem var(--right) .4rem var(--left); line-height: 1.45; text-align: center; background: var(--warn-tint); color: var(--warn); }
.bar.bad, .note.bad, #stop { background: var(--bad-tint); color: var(--bad); }
.bar .button, #token { min-height: 2rem; padding-block: .1rem; }
#login { display: flex; flex-wrap: wrap; justify-content: center; gap: .5rem; }
#token { width: 14rem; padding-inline: .6rem; border: 1px solid var(--line); border-radius: .6rem; }

main { flex: 1; min-height: 0; display: flex; flex-direction: column; }
#log { flex: 1; min-height: 0; overflow: hidden auto; overscroll-behavior: contain; padding: 1.5rem var(--right) 1rem var(--left); }
#log:focus-visible { outline-offset: -3px; }
#messages, #empty, #compose { max-width: 46rem; margin-inline: auto; }
#empty { margin-top: min(12vh, 6rem); }
#empty h2 { font-size: 1.7rem; line-height: 1.25; }
#empty p { margin: .5rem 0 1.5rem; max-width: 33rem; }
#examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13.5rem, 100%), 1fr)); gap: .6rem; }
.example { display: flex; flex-direction: column; padding: .7rem .95rem; text-align: start; line-height: 1.4; }
.example:hover { border-color: var(--accent); }

article { overflow-wrap: anywhere; }
[data-role="user"] { display: flex; flex-direction: column; align-items: flex-end; margin: 1.6rem 0 0 auto; max-width: min(88%, 36rem); }
[data-role="user"] .text { max-width: 100%; padding: .6rem 1rem; border-radius: 1.15rem 1.15rem .35rem; background: var(--tint); }
[data-role="assistant"] { margin-top: 1.1rem; }
#messages > :first-child { margin-top: 0; }
.text, .body p, .body li, pre, [data-role="notification"], #server-output p { white-space: pre-wrap; }
.sending { animation: appear .2s .5s both; }
.body > * { margin: 0 0 .8rem; }
.body > :last-child { margin-bottom: 0; }
.body h3 { font-size: 1.06rem; line-height: 1.4; font-weight: 650; }
.body > h3:not(:first-child) { margin-top: 1.3rem; }
.body ul { padding: 0; list-style: none; }
.body li { display: flex; margin: .2rem 0; }
.body li > :first-child { min-width: .7rem; flex: none; color: var(--muted); }
.body :not(pre) > code { padding: .1em .35em; border-radius: .35rem; background: var(--sunken); font: .875em var(--mono); }
.code { overflow: hidden; }
.code figcaption { justify-content: space-between; padding: .05rem .6rem .05rem .95rem; border-bottom: 1px solid var(--line); }
.code pre { margin: 0; padding: .8rem .95rem; font: .875rem/1.55 var(--mono); }
[data-status="streaming"] .body > p:last-child::after { content: ""; display: inline-block; width: .5rem; height: 1em; margin-inline-start: .2rem; vertical-align: -.12em; border-radius: .12rem; background: var(--accent); animation: pulse 1.1s infinite; }
.dots { display: flex; gap: .25rem; }
.dots i { width: .4rem; height: .4rem; border-radius: 50%; background: var(--accent); animation: pulse 1.2s infinite; }
.dots i:nth-child(2) { animation-delay: .16s; }
.dots i:nth-child(3) { animation-delay: .32s; }
.note, .card { margin-top: .5rem; }
.body:empty ~ .note { margin-top: 0; }
.note.bad { padding: .65rem .95rem; border-radius: .85rem; }
.note .button { margin: .5rem .5rem 0 0; }
.actions { margin: .2rem 0 0 -.6rem; }
.actions .icon-button { width: 2.25rem; height: 2.25rem; }
.actions [aria-pressed="true"] { color: var(--accent); background: var(--tint); }
.actions span { padding-inline: .5rem; }
[data-action="rate-down"] .icon { transform: scaleY(-1); }
.actions span:empty, [data-role="assistant"]:not(.latest) [data-action="regenerate"] { display: none; }
.card { padding: .8rem .95rem; }
.thought, .call { font-size: .875rem; color: var(--muted); }
.thought { margin-bottom: .5rem; }
.thought div { padding: .1rem 0 .2rem .9rem; border-inline-start: 2px solid var(--line); white-space: pre-wrap; }
summary { padding: .2rem 0; cursor: pointer; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.call code, .ask pre, .ask textarea { font: .8125rem/1.5 var(--mono); }
.call b { font-weight: 600; color: var(--ink); }
.call::before { content: ""; float: left; width: .5rem; height: .5rem; margin: .7rem .6rem 0 0; border-radius: 50%; background: var(--accent); }
.call[data-state="done"]::before { background: var(--good); }
.call[data-state="waiting"]::before { background: var(--warn); }
.call[data-state="failed"]::before { background: var(--bad); }
.call pre, .ask pre { margin: .3rem 0 .6rem; padding: .5rem .75rem; border-radius: .5rem; background: var(--sunken); color: var(--ink); overflow-wrap: anywhere; }
.calls:not(:empty) { margin-bottom: .7rem; }
.ask { border-color: var(--edge); }
.ask[data-open="false"] { border-color: var(--line); }
.ask .row, .ask .small { margin-top: .6rem; }
#ask-bar { margin-bottom: .5rem; border-radius: .9rem; }
.ask .bad { color: var(--bad); }
.small { display: block; font-weight: 600; }
[data-role="notification"] { margin-top: 1.2rem; }
[data-role="divider"] { gap: 1rem; margin: 1.8rem 0 .5rem; text-align: center; }
[data-role="divider"]::before, [data-role="divider"]::after { content: ""; flex: 1 0 1rem; border-top: 1px solid var(--line); }
.field { display: block; margin-bottom: .8rem; font-weight: 560; }
.field > * { display: block; width: 100%; margin-top: .25rem; padding: .5rem .75rem; border: 1px solid var(--edge); border-radius: .65rem; background: var(--bg); font-size: 1rem; font-weight: 400; resize: vertical; }

.below { position: relative; padding: 0 var(--right) max(.5rem, env(safe-area-inset-bottom)) var(--left); }
#jump { position: absolute; left: 50%; bottom: calc(100% + .5rem); transform: translateX(-50%); border-radius: 2rem; border-color: var(--line); white-space: nowrap; }
#compose { display: flex; align-items: flex-end; gap: .4rem; padding: .4rem; border: 1px solid var(--edge); border-radius: 1.4rem; }
#compose:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent), var(--shadow); }
#composer { flex: 1; min-width: 0; min-height: 2.5rem; max-height: 36vh; padding: .45rem .35rem .45rem .8rem; border: 0; background: none; resize: none; outline: none; }
.round { border-radius: 1.05rem; }
.round:disabled { background: var(--sunken); color: var(--muted); }
#composer-note { min-height: 1.35rem; margin-top: .3rem; line-height: 1.35rem; text-align: center; }
#composer-note.bad, .result.bad { color: var(--bad); }
#toasts { position: fixed; z-index: 5; top: calc(env(safe-area-inset-top) + 4rem); right: var(--right); width: min(21rem, calc(100% - 2rem)); display: grid; gap: .5rem; pointer-events: none; }
.toast { display: flex; padding: .55rem .35rem .55rem .95rem; pointer-events: auto; overflow-wrap: anywhere; animation: appear .2s; }
.toast p { flex: 1; line-height: 1.45; padding-block: .25rem; }
.toast .icon-button { width: 1.9rem; height: 1.9rem; }

dialog { padding: 1.25rem; }
dialog::backdrop { background: rgb(8 18 15 / .45); }
dialog h2 { font-size: 1.1rem; flex: 1; }
#confirm { width: min(24rem, calc(100% - 2rem)); }
#confirm p { margin: .4rem 0 1.1rem; }
#settings { margin: 0 0 0 auto; width: min(26rem, 100%); max-width: 100%; height: 100%; max-height: 100%; border-width: 0 0 0 1px; border-radius: 0; overscroll-behavior: contain; padding: max(1rem, env(safe-area-inset-top)) max(1.25rem, env(safe-area-inset-right)) max(1.25rem, env(safe-area-inset-bottom)); }
#settings h3 { margin: 1.5rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-weight: 600; }
#session-id { display: block; margin-bottom: .7rem; font: .8125rem/1.5 var(--mono); }
.result { min-height: 1.5rem; }
#session-id, #server-output { overflow-wrap: anywhere; }
#server-output p { padding: .5rem 0; border-top: 1px solid var(--line); }
dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .3rem .9rem; margin: .5rem 0; }
dd { margin: 0; }

@keyframes pulse { 50% { opacity: .3; } }
@keyframes appear { from { opacity: 0; } }
@media (max-width: 30rem) {
  h1 { position: absolute; clip-path: inset(50%); }
  #empty { margin-top: 1.2rem; }
  .tools .icon-button, .actions .icon-button, .round { width: 2.75rem; height: 2.75rem; }
  #composer { min-height: 2.75rem; padding-block: .55rem; }
}
@media (max-height: 26rem) { #empty { margin-top: 0; } }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; } }
</style>
</head>
<body>
<a class="skip" href="#composer">Skip to the message box</a>
<svg hidden>
  <symbol id="i-mark" viewBox="0 0 24 24"><path d="M4 8.5h13l-4-4M20 15.5H7l4 4"/></symbol>
  <symbol id="i-send" viewBox="0 0 24 24"><path d="M12 20V5M5.5 11.5 12 5l6.5 6.5"/></symbol>
  <symbol id="i-stop" viewBox="0 0 24 24"><rect x="7" y="7" width="10" height="10" rx="2" fill="currentColor"/></symbol>
  <symbol id="i-copy" viewBox="0 0 24 24"><rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15a1 1 0 0 1-1-1V6a2 2 0 0 1 2-2h8a1 1 0 0 1 1 1"/></symbol>
  <symbol id="i-again" viewBox="0 0 24 24"><path d="M20 11.5A8 8 0 1 0 18 17M20 5v6.5h-6.5"/></symbol>
  <symbol id="i-up" viewBox="0 0 24 24"><path d="M7 11v9H4v-9zl4-7.5c1.7 0 2.5 1 2.5 2.5v3.5h4.7a2 2 0 0 1 2 2.4l-1.3 6.5a2 2 0 0 1-2 1.6H7"/></symbol>
  <symbol id="i-comment" viewBox="0 0 24 24"><path d="M6 4h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z"/></symbol>
  <symbol id="i-clear" viewBox="0 0 24 24"><path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 12.5h9l1-12.5M10.2 11v5M13.8 11v5"/></symbol>
  <symbol id="i-theme" viewBox="0 0 24 24"><circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/></symbol>
  <symbol id="i-settings" viewBox="0 0 24 24"><path d="M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9"/><circle cx="15" cy="7.5" r="2"/><circle cx="9" cy="16.5" r="2"/></symbol>
  <symbol id="i-close" viewBox="0 0 24 24"><path d="m6 6 12 12M18 6 6 18"/></symbol>
</svg>

<header>
  <svg class="icon mark" aria-hidden="true"><use href="#i-mark"/></svg>
  <h1>Agent WebSocket</h1>
  <span id="connection-state" data-state="idle">idle</span>
  <div class="tools">
    <button class="icon-button" id="clear" aria-label="Clear the conversation" title="Clear the conversation"><svg class="icon"><use href="#i-clear"/></svg></button>
    <button class="icon-button" id="theme" aria-label="Switch between light and dark" title="Switch between light and dark"><svg class="icon"><use href="#i-theme"/></svg></button>
    <button class="icon-button" id="open-settings" aria-label="Settings" title="Settings" aria-haspopup="dialog"><svg class="icon"><use href="#i-settings"/></svg></button>
  </div>
</header>
<p class="bar" id="demo-banner" hidden>Demo model. Set OPENROUTER_API_KEY for a real one.</p>
)page"
    R"page(<div class="bar" id="connection-bar" hidden><span id="connection-text"></span><form id="login"><input id="token" type="password" hidden aria-label="Access token" placeholder="Access token" autocomplete="current-password"><button class="button" id="reconnect">Connect again</button></form></div>

<main>
  <div id="log" role="log" aria-live="off" aria-label="Conversation" tabindex="0">
    <section id="empty" aria-label="Examples">
      <h2>What would you like to know?</h2>
      <p>Your messages go to the agent over one WebSocket, and its answers appear as they are written.</p>
      <div id="examples"></div>
    </section>
    <div id="messages"></div>
  </div>
  <div class="below">
    <button class="button" id="jump" hidden>Jump to newest &darr;</button>
    <div class="bar" id="ask-bar" hidden><span id="ask-text"></span><button class="button" id="go-ask">Decide</button></div>
    <form id="compose">
      <label class="sr" for="composer">Message to the agent. Enter sends, Shift and Enter starts a new line.</label>
      <textarea id="composer" rows="1" dir="auto" placeholder="Message the agent" enterkeyhint="send" aria-describedby="composer-note"></textarea>
      <button class="round" id="stop" type="button" hidden aria-label="Stop the answer" title="Stop the answer (Escape)"><svg class="icon"><use href="#i-stop"/></svg></button>
      <button class="round" id="send" disabled aria-label="Send" title="Send (Enter)"><svg class="icon"><use href="#i-send"/></svg></button>
    </form>
    <p id="composer-note" role="status"></p>
  </div>
</main>
<div id="toasts" role="status"></div>
<div id="announcer" class="sr" aria-live="polite"></div>

<dialog id="settings" aria-labelledby="settings-title">
  <div class="row"><h2 id="settings-title">Settings</h2><button class="icon-button" id="close-settings" aria-label="Close settings"><svg class="icon"><use href="#i-close"/></svg></button></div>
  <form id="settings-form">
    <h3>Answers in this session</h3>
    <label class="field">Model<input id="set-model" autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="200" placeholder="as the server chooses"></label>
    <label class="field">Temperature, from 0 (strict) to 2 (playful)<input id="set-temperature" type="number" min="0" max="2" step="any" placeholder="as the server chooses"></label>
    <label class="field">System prompt<textarea id="set-system" rows="4" dir="auto" placeholder="as the server chooses"></textarea></label>
    <div class="row"><button class="button primary" id="apply-settings">Apply</button><span class="result" id="settings-result" role="status"></span></div>
  </form>
  <h3>Session</h3>
  <code id="session-id">none yet</code>
  <div class="row">
    <button class="button" id="ask-info">Server info</button>
    <button class="button" id="ask-history">History</button>
    <span class="result" id="server-result" role="status"></span>
  </div>
  <div id="server-output"></div>
</dialog>
<dialog id="confirm" aria-labelledby="confirm-title">
  <form method="dialog">
    <h2 id="confirm-title">Clear the conversation?</h2>
    <p>The agent forgets what was said, and the messages are removed from this page.</p>
    <div class="row"><button class="button primary" id="confirm-clear" value="clear">Clear</button><button class="button" value="keep">Keep</button></div>
  </form>
</dialog>

<script type="module">
// The connection, the session and the order of things are the client's; this page asks and shows.
import { AgentWebSocket, limits } from './agent-websocket.js';
import { AnswerBody, el, textButton } from './answer-text.js';

// ---- limits: each bounds something that a server or a person could make grow
const logItems = 500, shownToasts = 4, toastMs = 7000;

// ---- small tools
const ui = (id) => document.getElementById(id);
const [log, messages, composer, composerNote, toasts] = ['log', 'messages', 'composer', 'composer-note', 'toasts'].map(ui);
const now = () => performance.now();
const bytesOf = (text) => new TextEncoder().encode(text).length;
const seconds = (ms) => Math.max(1, Math.ceil(ms / 1000));

function iconButton(action, name, label, extra = {}) {
  const button = el('button', { class: 'icon-button', type: 'button', 'data-action': action, 'aria-label': label, title: label, ...extra });
  const [svg, use] = ['svg', 'use'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag));
  svg.setAttribute('class', 'icon');
  use.setAttribute('href', '#i-' + name);
  svg.append(use);
  button.append(svg);
  return button;
}

/** `content` is a string, or parts of which only the text is shown. */
function textOf(content) {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((part) => textOf(part?.text ?? `[${part?.type ?? 'part'}]`)).join('\n');
  return content === undefined || content === null ? '' : JSON.stringify(content);
}

async function copyText(text) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // plain http on another host than localhost has no clipboard object
    const focused = document.activeElement, box = el('textarea', { class: 'sr' });
    box.value = text;
    document.body.append(box);
    box.select();
    done = document.execCommand('copy');
    box.remove();
    focused?.focus();
  }
  toast(done ? 'Copied.' : 'Copying is not possible here.');
}

/** For screen readers: finished things only, never single tokens. */
let announceTimer = 0;
function announce(text) {
  ui('announcer').append(el('p', {}, text.slice(0, 2000)));
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => ui('announcer').replaceChildren(), 8000);
}
function toast(text) {
  const node = el('div', { class: 'toast' }, el('p', { dir: 'auto' }, text.length > 300 ? text.slice(0, 300) + '...' : text));
  const close = iconButton('dismiss', 'close', 'Dismiss');
  close.addEventListener('click', () => node.remove());
  node.append(close);
  toasts.append(node);
  while (toasts.children.length > shownToasts) toasts.firstElementChild.remove();
  setTimeout(() => node.remove(), toastMs);
}

// ---- light and dark
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const themeKey = 'agent-websocket-theme';
let chosenTheme = null;
try { chosenTheme = localStorage.getItem(themeKey); } catch { /* storage may be forbidden; then a choice lasts as long as the page */ }
function showTheme() {
  document.documentElement.dataset.theme = chosenTheme ?? (systemDark.matches ? 'dark' : 'light');
}
function toggleTheme() {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  chosenTheme = next === (systemDark.matches ? 'dark' : 'light') ? null : next; // back at the system's choice means following it again
  try { chosenTheme ? localStorage.setItem(themeKey, chosenTheme) : localStorage.removeItem(themeKey); } catch { /* as above */ }
  showTheme();
}

// ---- the log: drawing, scrolling and its bound
let pinned = true, lastTop = 0, frame = 0;
const dirty = new Set();                // whose text is newer than the screen
const exchangeOfNode = new WeakMap();

const distanceToEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight;
function onScroll() {
  const moved = log.scrollTop - lastTop;
  lastTop = log.scrollTop;
  if (moved < 0 && distanceToEnd() > 4) pinned = false; // any step up is a wish to read, however small
  else if (distanceToEnd() < 32) pinned = true;
  followEnd();
}
function followEnd() {
  if (pinned && messages.childElementCount) {
    log.scrollTop = log.scrollHeight;
    lastTop = log.scrollTop;
  }
  ui('jump').hidden = pinned || distanceToEnd() < 32;
}
function jumpToNewest() {
  pinned = true;
  followEnd();
}
/** At most one drawing per animation frame, however many deltas arrive. */
function scheduleFrame() { frame ||= requestAnimationFrame(drawFrame); }
function drawFrame() {
  frame = 0;
  for (const x of dirty) {
    x.answer?.body.update(x.answerText);
    if (x.thought) showThought(x);
  }
  dirty.clear();
  followEnd();
}
function addToLog(node, after = null) {
  if (after?.isConnected) after.after(node);
  else messages.append(node);
  while (messages.children.length > logItems) {
    const oldest = [...messages.children].find((item) => (exchangeOfNode.get(item)?.phase ?? 'done') === 'done');
    if (!oldest) break;
    oldest.remove();
  }
  ui('empty').hidden = true;
  scheduleFrame();
}
function addNotification(text, title = '') {
  addToLog(el('article', { class: 'card', 'data-role': 'notification', 'aria-label': 'Notification', dir: 'auto' }, el('span', { class: 'small' }, title || 'Notification'), text));
  toast(title ? `${title}: ${text}` : text);
}

// ---- exchanges: a query and its answer. Phases: held (here), sent (the client has it), accepted (by the server), running, done
const open = new Set();                 // in the order of asking, only those that are not done
const exchangeOfAnswer = new WeakMap(); // of the client's answers
const held = () => [...open].filter((x) => x.phase === 'held');
const underway = () => [...open].filter((x) => x.phase !== 'held');
const current = () => underway().find((x) => x.phase === 'running') ?? underway()[0];

/** `text` is null when another page asked and the question is not known. */
function newExchange(text) {
  const x = { text, size: bytesOf(text ?? ''), user: null, answer: null, phase: 'done', id: '', before: null };
  if (text !== null) showQuestion(x);
  return x;
}
function showQuestion(x) {
  const state = el('div', { class: 'state' }), node = el('article', { 'data-role': 'user', 'aria-label': 'You' }, el('div', { class: 'text', dir: 'auto' }, x.text), state);
  x.user = { node, state };
  exchangeOfNode.set(node, x);
}
function prepare(x, kind) {
  Object.assign(x, { id: '', kind, phase: 'held', position: 0, answerText: '', thought: '', cancelling: false, activity: '', writes: false, since: now(), session: client.sessionId, model: '', rating: undefined });
  open.add(x);
  messages.querySelector('.latest')?.classList.remove('latest');
}
/** From here on the client's answer is that of the exchange. */
function follow(x, id) {
  x.id = id;
  exchangeOfAnswer.set(client.answer(id), x);
}
function forget(x) {
  open.delete(x);
  dirty.delete(x);
}
/** The exchange of an answer; a new one when the question came from another page, or from this one before it was loaded again. */
function exchangeOf(answer) {
  const known = exchangeOfAnswer.get(answer);
  if (known) return known;
  const x = newExchange(answer.question === null ? null : textOf(answer.question));
  prepare(x, 'query');
  if (!x.user) answerView(x);
  addToLog((x.user ?? x.answer).node);
  // One that comes again has its place before what is still open.
  const { answers } = client.transcript, next = exchangeOfAnswer.get(answers[answers.indexOf(answer) + 1]);
  if (next) (next.user ?? next.answer)?.node.before((x.user ?? x.answer).node);
  exchangeOfAnswer.set(answer, x);
  x.id = answer.ref;
  setPhase(x, answer.accepted || !answer.own ? 'accepted' : 'sent');
  return x;
}
function answerView(x) {
  if (x.answer) return x.answer;
  const words = el('span'), body = new AnswerBody();
  const activity = el('div', { class: 'activity' }, el('span', { class: 'dots', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')), words);
  const [note, actions, calls, after] = ['note', 'actions', 'calls', 'after'].map((name) => el('div', { class: name }));
  const thought = el('details', { class: 'thought', hidden: '' }, el('summary', {}, 'Reasoning'), el('div', { dir: 'auto' }, ''));
  const node = el('article', { 'data-role': 'assistant', 'aria-label': 'Agent' }, thought, calls, body.node, activity, note, actions, after);
  x.answer = { node, thought, calls, body, activity, words, note, actions, after };
  exchangeOfNode.set(node, x);
  addToLog(node, x.user?.node);
  return x.answer;
}
/** What answers the same question again begins with nothing. */
function clearAnswer(x) {
  const { body, thought, calls } = x.answer;
  body.reset();
  thought.hidden = true;
  thought.lastChild.firstChild.data = '';
  calls.replaceChildren();
}
function showActivity(x, words) {
  x.activity = words;
  const waited = now() - x.since, label = client.state !== 'live' ? 'Waits for the connection...' : x.cancelling ? 'Stopping...' : words;
  x.answer.activity.hidden = client.state === 'live' && x.writes && !x.cancelling;
  x.answer.words.textContent = waited > 5000 ? `${label} ${Math.floor(waited / 1000)} s` : label;
  scheduleFrame();
}
function showUserState(x) {
  if (!x.user) return;
  const remove = textButton('remove', 'Remove', 'link');
  let parts = [];
  if (x.phase === 'held' || (x.phase === 'sent' && client.state !== 'live')) parts = [client.state === 'live' ? 'Waits for the answers before it' : 'Waits for the connection', remove];
  else if (x.phase === 'accepted' && x.position > 0) parts = [`Queued, position ${x.position}`, remove];
  else if (x.phase === 'sent') parts = [el('span', { class: 'sending' }, 'Sending...')];
  x.user.state.replaceChildren(...parts);
  scheduleFrame();
}
function setPhase(x, phase) {
  x.phase = phase;
  if (phase === 'accepted' || phase === 'running') x.session = client.sessionId;
  showUserState(x);
  showComposer();
}
/** For every sign of work on the answer; `words` say what is done. */
function run(x, words = '') {
  if (x.phase !== 'running') {
    x.since = now();
    setPhase(x, 'running');
    const { node, note, actions, after } = answerView(x);
    node.dataset.status = 'streaming';
    node.setAttribute('aria-busy', 'true');
    note.hidden = true;
    actions.replaceChildren();
    after.replaceChildren();
    words ||= 'Thinking...';
  }
  if (!words) return;
  x.writes = false;
  showActivity(x, words);
}
/** The text itself is the sign of work. */
function write(x, text) {
  x.answerText = text;
  run(x);
  x.writes = true;
  showActivity(x, x.activity);
  dirty.add(x);
  scheduleFrame();
}

// ---- sending
function ask(text) {
  enqueue(newExchange(text));
  // A session that ran out can simply begin again; what was refused needs a person's click.
  if (client.stopped?.code === 1000) client.start();
}
/** Also asks again: at the end of the log, because that is where the conversation is. A new id each time: with the old one the server would rightly repeat its old answer. */
function enqueue(x) {
  const problem = outboxProblem(x.size);
  if (problem) { toast(problem); return; }
  x.answer?.node.remove();
  x.answer = null;
  prepare(x, 'query');
  addToLog(x.user.node);
  showUserState(x);
  jumpToNewest();
  pump();
}
/** Hands over what waits, never more than the server is willing to queue. */
function pump() {
  const most = client.limits.max_queued || 16;
  for (const x of held()) {
    if (underway().length >= most) break;
    try {
      follow(x, client.query(x.text, { stream: true }));
      setPhase(x, 'sent');
    } catch (error) {
      fail(x, { content: error.message, code: error.code, retryable: error.retryable });
    }
  }
  showComposer();
}
function outboxProblem(size) {
  const most = client.limits.max_message_bytes;
  if (most && size + 200 > most) return `Too long for the server: ${Math.ceil(size / 1024)} KB of at most ${Math.floor(most / 1024)} KB.`;
  const kept = [...open].filter((x) => x.phase === 'held' || x.phase === 'sent');
  const full = kept.length >= limits.outboxMessages || kept.reduce((sum, x) => sum + x.size + 200, size + 200) > limits.outboxBytes;
  return full ? 'Too much is waiting already. Wait until it is sent.' : '';
}

// ---- the end of an answer
function finish(x, status, m = {}) {
  if (x.phase === 'done') return;
  const kept = x.kind === 'regenerate' && status !== 'completed' && !x.answerText; // nothing new came: the former answer stays
  if (kept) x.answerText = x.before.answerText;
  forget(x);
  setPhase(x, 'done');
  const { node, body, activity } = answerView(x);
)page"
    R"page(  node.dataset.status = kept ? 'completed' : status === 'incomplete' ? 'completed' : status;
  node.removeAttribute('aria-busy');
  activity.hidden = true;
  x.responseId = kept ? x.before.responseId : m.stream ?? m.ref;
  body.update(x.answerText); // at once: who sees the status may rely on the text
  if (x.thought) showThought(x);
  showOutcome(x, status, m);
  if (kept || status === 'completed' || status === 'incomplete') showActions(x, m);
  if ([...messages.querySelectorAll('[data-role="assistant"]')].pop() === node) {
    messages.querySelector('.latest')?.classList.remove('latest');
    node.classList.add('latest');
  }
  shortenQueue();
  scheduleFrame();
  pump();
}
function fail(x, error) { finish(x, 'failed', { error }); }
function showOutcome(x, status, m) {
  const { note } = x.answer;
  const parts = [];
  if (status === 'failed') {
    parts.push(el('div', { dir: 'auto' }, errorText(m.error)));
    if (m.error.retryable && x.user) parts.push(retryButton(m.error.retry_after_ms ?? 0));
    if (x.user) parts.push(textButton('edit', 'Edit'));
  } else if (status === 'cancelled') {
    parts.push(el('div', {}, x.answerText ? 'Stopped.' : 'Stopped before an answer came.'));
    if (x.user) parts.push(textButton('retry', 'Ask again'));
  } else if (status === 'incomplete' || m.finish_reason === 'length') {
    parts.push(m.finish_reason === 'length' ? 'The answer ended at its length limit.' : 'The answer ended early.');
  } else if (!x.answerText.trim()) {
    parts.push('The answer is empty.');
  }
  note.classList.toggle('bad', status === 'failed');
  note.hidden = !parts.length;
  note.replaceChildren(...parts);
  if (!restoring) announce(status === 'completed' || !parts.length ? 'Agent: ' + x.answerText : parts[0].textContent ?? parts[0]);
}
function errorText(error) {
  const text = textOf(error.content).trim() || 'Something went wrong.';
  return error.code && !text.includes(error.code) ? `${text} (${error.code})` : text;
}
/** Counts down first when the server said how long to wait. */
function retryButton(waitMs) {
  const button = textButton('retry', 'Retry'), until = now() + waitMs;
  const show = () => {
    const left = until - now();
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Retry in ${seconds(left)} s` : 'Retry';
    if (left > 0) setTimeout(show, Math.min(left, 1000));
  };
  show();
  return button;
}
function showActions(x, m) {
  const { prompt_tokens: read, completion_tokens: written, cost } = m.usage ?? {}, took = now() - x.since;
  const facts = [m.model ?? x.model, written > 0 && `${read > 0 ? `${read} + ` : ''}${written} tokens`, cost > 0 && `$${Number(cost.toPrecision(2))}`, !restoring && !m.replay && `${(took / 1000).toFixed(1)} s`];
  x.answer.actions.replaceChildren(
    iconButton('copy', 'copy', 'Copy the answer'),
    ...(x.user ? [iconButton('regenerate', 'again', 'Answer again')] : []),
    iconButton('rate-up', 'up', 'Good answer', { 'aria-pressed': 'false' }),
    iconButton('rate-down', 'up', 'Bad answer', { 'aria-pressed': 'false' }),
    iconButton('comment', 'comment', 'Comment on or correct the answer', { 'aria-expanded': 'false' }),
    el('span', { class: 'feedback-state', role: 'status' }),
    el('span', {}, facts.filter(Boolean).join(' \u00b7 ')));
}
/** A server need not repeat positions; what is ahead here bounds them, because a session answers one query at a time. */
function shortenQueue() {
  underway().forEach((x, ahead) => {
    x.position = Math.min(x.position, Math.max(1, ahead));
    showUserState(x);
  });
}

// ---- the model's reasoning and its tools
function showThought(x) {
  const { thought } = answerView(x), text = thought.lastChild.firstChild;
  thought.hidden = false;
  if (x.thought.startsWith(text.data)) text.appendData(x.thought.slice(text.data.length));
  else text.data = x.thought;
}
const callStates = { calling: 'is running', waiting: 'waits for a decision', done: 'done', failed: 'failed' };
function showCall(x, { call, name, arguments: given, state, error }) {
  const { calls } = answerView(x), id = String(call);
  let node = [...calls.children].find((each) => each.dataset.call === id);
  if (!node) {
    node = el('details', { class: 'call', 'data-call': id });
    calls.append(node);
  }
  node.dataset.state = state;
  const shown = given === undefined ? '' : JSON.stringify(given);
  node.replaceChildren(el('summary', {}, el('b', {}, textOf(name)), ` ${callStates[state] ?? textOf(state)} `, el('code', {}, shown === '{}' ? '' : shown)),
    ...(shown ? [el('pre', { dir: 'ltr' }, JSON.stringify(given, null, 2))] : []), ...(error ? [el('p', { dir: 'auto' }, textOf(error))] : []));
  scheduleFrame();
}

// ---- decisions that the server asks a person for
const asked = new Map();                // by the id of the request, in the order of asking
const verdicts = { approve: 'Approved', reject: 'Rejected', edit: 'Approved with other arguments', answer: 'Answered' };
const openAsks = () => [...asked.values()].filter((ask) => ask.open);
function showAsk(request) {
  if (asked.get(request.id)?.open) return; // a new session may use an id again
  const { id, kind, content, tool, expires_at: until } = request, question = kind === 'question';
  const state = el('p', { class: 'small' }), body = el('div');
  const node = el('form', { class: 'card ask', 'data-ask': id, 'data-open': 'true', tabindex: '-1', 'aria-label': question ? 'Question' : 'Approval' },
    el('p', { dir: 'auto' }, textOf(content)), body, state);
  const ask = { id, request, node, state, body, open: true, mode: '', sent: '', problem: '', until: Date.parse(until), question };
  asked.set(id, ask);
  const answer = client.answer(request.ref);
  if (answer) answerView(exchangeOf(answer)).calls.append(node);
  else addToLog(node);
  node.addEventListener('submit', (event) => { event.preventDefault(); decide(ask); });
  setMode(ask, question ? 'answer' : 'approve');
  showAsks();
  announce(`The agent asks: ${textOf(content)} ${tool ? textOf(tool.name) : ''}`);
}
/** What is being decided; each mode has its field and its way back. */
const modes = {
  approve: { submit: 'Approve' },
  reject: { submit: 'Reject', label: 'Why not? The agent is told.' },
  edit: { submit: 'Run with these', label: 'Arguments, as JSON' },
  answer: { submit: 'Answer', label: 'What the agent is told' },
};
function setMode(ask, mode, focus = false) {
  const { label, submit } = modes[mode], { tool } = ask.request, given = Object.values(tool?.arguments ?? {});
  const json = JSON.stringify(tool?.arguments ?? {}, null, 2), words = ask.question && given.every((each) => typeof each === 'string');
  Object.assign(ask, { mode, problem: '' });
  ask.field = label && el('textarea', { rows: mode === 'edit' ? '4' : '2', dir: 'auto', maxlength: '16000' });
  if (mode === 'edit') ask.field.value = json;
  const others = mode === 'approve' ? ['reject', 'edit', 'answer'] : ask.question ? (mode === 'answer' ? ['reject'] : ['answer']) : ['approve'];
  const names = { approve: 'Back', reject: 'Reject...', edit: 'Edit...', answer: 'Answer...' };
  ask.body.replaceChildren(
    ...(tool && mode !== 'edit' ? [el('pre', { dir: words ? 'auto' : 'ltr' }, words ? given.join('\n') : `${textOf(tool.name)} ${json}`)] : []),
    ...(label ? [el('label', { class: 'field' }, label, ask.field)] : []),
    el('div', { class: 'row' }, el('button', { class: 'button primary', 'data-decide': mode }, submit), ...others.map((other) => {
      const button = el('button', { class: 'button', type: 'button', 'data-mode': other }, names[other]);
      button.addEventListener('click', () => setMode(ask, other, true));
      return button;
    })));
  if (focus) (ask.field ?? ask.body.querySelector('.primary')).focus();
  showAskState(ask);
}
function decide(ask) {
  const { mode, id } = ask, text = ask.field?.value.trim() ?? '', fields = {};
  if (mode === 'answer' && !text) { ask.field.focus(); return; }
  if (mode === 'edit') {
    try {
      fields.data = JSON.parse(text);
    } catch (error) {
      showAskState(ask, `This is not JSON: ${error.message}`);
      return;
    }
  } else if (text) {
    fields.content = text;
  }
  const failed = (error) => {
    ask.sent = '';
    if (ask.open && ['feedback_expired', 'feedback_unknown'].includes(error.code)) closeAsk(ask, error.message);
    else showAskState(ask, error.message);
  };
  ask.sent = mode;
  showAskState(ask, '');
  try { client.outcome(client.decide(id, mode, fields), { timeoutMs: 600000 }).catch(failed); } catch (error) { failed(error); }
}
function showAskState(ask, problem = ask.problem) {
  if (!ask.open) return;
  const left = Math.max(0, Math.ceil((ask.until - Date.now()) / 1000)), clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  const waits = client.state === 'live' ? 'Sending...' : 'Is sent when the connection is back.';
  const words = ask.sent ? waits : problem || (Number.isNaN(ask.until) ? '' : `Open for ${clock}, then: ${ask.request.default === 'approve' ? 'approved' : 'rejected'}.`);
  ask.problem = problem;
  ask.state.classList.toggle('bad', problem !== '' && !ask.sent);
  if (ask.state.textContent !== words) ask.state.textContent = words;
  for (const button of ask.body.querySelectorAll('button')) button.disabled = ask.sent !== '';
}
function closeAsk(ask, words) {
  const inside = ask.node.contains(document.activeElement);
  ask.open = false;
  ask.node.dataset.open = 'false';
  ask.body.replaceChildren();
  ask.state.classList.remove('bad');
  ask.state.textContent = words;
  showAsks();
  if (inside) focusComposer();
}
function onResolved({ id, decision, reason }) {
  const ask = asked.get(id);
  if (!ask?.open) return;
  const verdict = verdicts[decision] ?? textOf(decision);
  closeAsk(ask, reason === 'expired' ? `Nobody decided in time. ${verdict}.` : reason ? 'Withdrawn.' : ask.sent ? `${verdict}.` : `${verdict}, elsewhere.`);
}
function showAsks() {
  const waiting = openAsks();
  ui('ask-bar').hidden = !waiting.length;
  ui('ask-text').textContent = waiting.length > 1 ? `The agent waits for ${waiting.length} decisions.` : 'The agent waits for your decision.';
  scheduleFrame();
}
function goToAsk() {
  const [ask] = openAsks();
  ask?.node.scrollIntoView({ block: 'nearest' });
  (ask?.node.querySelector('textarea') ?? ask?.node)?.focus({ preventScroll: true });
}

// ---- what one can do with a message
function cancel(x) {
  if (!x || x.phase === 'done' || x.cancelling) return;
  if (x.phase === 'held') { finish(x, 'cancelled'); return; }
  x.cancelling = true;
  client.cancel(x.id); // without a connection it is done once there is one
  if (x.phase === 'running') showActivity(x, x.activity);
}
function regenerate(x) {
  if (client.state !== 'live' || x.session !== client.sessionId) { enqueue(x); return; } // that conversation is gone: the question is asked anew
  const before = { answerText: x.answerText, responseId: x.responseId };
  prepare(x, 'regenerate');
  x.before = before;
  clearAnswer(x);
  follow(x, client.command('regenerate', { stream: true }));
  run(x);
}
function sendFeedback(x, fields, thanks) {
  const state = x.answer.actions.querySelector('.feedback-state');
  const show = (text) => { state.textContent = text; };
  if (x.session !== client.sessionId) { show('This answer belongs to an earlier session.'); return; }
  show(client.state === 'live' ? 'Saving...' : 'Is saved when the connection is back.');
  try {
    client.outcome(client.feedback({ ref: x.responseId, ...fields }), { timeoutMs: client.state === 'live' ? 15000 : 600000 }).then(() => show(thanks), (error) => show(error.message));
  } catch (error) {
    show(error.message);
  }
}
function rate(x, rating) {
  x.rating = rating;
  x.answer.actions.querySelector('[data-action="rate-up"]').setAttribute('aria-pressed', rating > 0);
  x.answer.actions.querySelector('[data-action="rate-down"]').setAttribute('aria-pressed', rating < 0);
  sendFeedback(x, { rating }, 'Thank you, your rating is saved.');
}
function toggleComment(x) {
  const button = x.answer.actions.querySelector('[data-action="comment"]');
  const open = x.answer.after.childElementCount === 0;
  button.setAttribute('aria-expanded', open);
  x.answer.after.replaceChildren(...(open ? [commentForm(x)] : []));
  if (!open) { button.focus(); return; }
  x.answer.after.querySelector('textarea').focus({ preventScroll: true });
  x.answer.after.scrollIntoView({ block: 'nearest' });
}
function commentForm(x) {
  const comment = el('textarea', { rows: '2', dir: 'auto', maxlength: '4000' }), correction = el('textarea', { rows: '3', dir: 'auto', maxlength: '16000' });
  const form = el('form', { class: 'card' }, el('label', { class: 'field' }, 'Comment', comment), el('label', { class: 'field' }, 'What the answer should have been', correction),
    el('div', { class: 'row' }, el('button', { class: 'button primary' }, 'Send'), textButton('comment', 'Close')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = { rating: x.rating, content: comment.value.trim() || undefined, correction: correction.value.trim() || undefined };
    if (!fields.content && !fields.correction) { comment.focus(); return; }
    toggleComment(x);
    sendFeedback(x, fields, 'Thank you, your comment is saved.');
  });
  return form;
}
const actions = {
  copy: (x) => copyText(x.answerText),
  'copy-code': (x, button) => copyText(button.closest('figure').querySelector('code').textContent),
  regenerate,
  retry: (x) => { enqueue(x); focusComposer(); },
  edit: (x) => { composer.value = x.text; onComposerInput(); composer.focus(); },
  remove: (x) => { cancel(x); focusComposer(); },
  'rate-up': (x) => rate(x, 1),
  'rate-down': (x) => rate(x, -1),
  comment: toggleComment,
};
function onLogClick(event) {
  const button = event.target.closest('button[data-action]');
  const x = exchangeOfNode.get(button?.closest('article'));
  if (x) actions[button.dataset.action]?.(x, button);
}

// ---- what the client tells
/** Same host always: `?path=` may name another socket on this server, nothing else. */
function socketUrl() {
  const url = new URL('/ws', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.pathname = new URLSearchParams(location.search).get('path') || '/ws';
  return url.href;
}
/** Of this tab: keeps session and transcript while the page is loaded again. */
function tabStorage() {
  try { return sessionStorage; } catch { return undefined; } // forbidden: a reload then begins a new session
}
const tokenKey = 'agent-websocket-token';
let token = tabStorage()?.getItem(tokenKey) ?? ''; // of servers that ask for one; never in the address
const client = new AgentWebSocket({ url: socketUrl(), client: 'page/1.0', caps: ['delta', 'reasoning', 'feedback'], storage: tabStorage(), token: () => token });
const settings = {};                    // kept, because a new session would not have them
let restoring = false, stopWords = '';
let lastCode = 0; // of the last close

client.on('welcome', ({ message: m }) => {
  ui('session-id').textContent = m.session_id;
  showExamples(m.data?.demo === true);
});
client.on('text', ({ answer }) => write(exchangeOf(answer), answer.text));
client.on('reasoning', ({ answer }) => {
  const x = exchangeOf(answer);
  x.thought = answer.reasoning;
  dirty.add(x);
  run(x, 'Reasoning...');
});
client.on('status', ({ message: m, answer }) => {
  if (m.op === 'drain') toast('The server is about to restart. This page connects again by itself.');
  if (!answer || answer.status !== null) return;
  const x = exchangeOf(answer);
  x.position = answer.position;
  x.model = answer.model;
  if (m.op !== 'ack' && m.op !== 'queued') run(x, textOf(m.content) || 'Thinking...');
  else if (x.phase !== 'running') setPhase(x, 'accepted');
});
client.on('tool', ({ tool, message: m, answer }) => {
  if (!answer || answer.status !== null) return;
  const x = exchangeOf(answer);
)page"
    R"page(  run(x, tool.state === 'waiting' ? 'Waits for a decision...' : textOf(m.content) || 'Thinking...');
  showCall(x, tool);
});
client.on('feedback_request', ({ request, open: isOpen }) => { if (isOpen) showAsk(request); });
client.on('feedback_resolved', onResolved);
client.on('answer', ({ answer, message }) => {
  if (!answer.own && answer.ref === null) addNotification(answer.text, 'Agent'); // the application speaks unasked
  else showEnd(exchangeOf(answer), answer, message.replay === true);
});
client.on('notification', ({ message: m }) => addNotification(textOf(m.content) || textOf(m.data), m.topic));
client.on('error', ({ message: m, answer }) => {
  const isLogin = ['unauthorized', 'token_expired', 'forbidden'].includes(m.code); // the bar asks for it
  if (!answer && m.ref === undefined && !isLogin) addNotification(errorText(m), 'Error');
});
client.on('reset', onReset);
client.on('state', onState);

function showEnd(x, answer, replay) {
  Object.assign(x, { answerText: answer.text, thought: answer.reasoning });
  if (x.phase !== 'running' && answer.text) run(x);
  finish(x, answer.status, { ...answer, replay });
  if (x.text === null) learnQuestion(x);
}
/** Another page of this session asked; only the server knows what. */
async function learnQuestion(x) {
  try {
    const { data } = await client.request('history', { limit: 20 });
    const asked = data?.messages?.find((item) => item.role === 'user' && item.id === x.id);
    if (!asked || x.text !== null) return;
    x.text = textOf(asked.content);
    showQuestion(x);
    x.answer.node.before(x.user.node);
    scheduleFrame();
  } catch { /* the answer stands for itself */ }
}
/** The server could not go on from where this page was. */
function onReset({ same_session: same }) {
  for (const x of open) x.answerText = '';
  if (same) {
    const kept = new Set([...open].flatMap((x) => [x.user?.node, x.answer?.node]));
    for (const node of [...messages.children]) if (!kept.has(node)) node.remove(); // it comes again
    for (const x of [...open]) if (!x.user) { x.answer?.node.remove(); forget(x); } // not ours: so does this
    for (const x of open) dirty.add(x);
    for (const ask of openAsks()) if (!ask.node.isConnected) { asked.delete(ask.id); showAsk(ask.request); }
    scheduleFrame();
    return;
  }
  for (const x of [...open]) if (x.phase !== 'held' && !x.user) { fail(x, { content: 'The session ended before the answer was complete.' }); }
  if (messages.childElementCount) addToLog(el('div', { 'data-role': 'divider' }, 'New session. The agent does not remember what is above.'));
  // What the server did not have yet belongs to the session that it is about to be sent to.
  for (const x of open) if (x.user && x.phase !== 'accepted' && x.phase !== 'running') messages.append(x.user.node);
  if (Object.keys(settings).length) client.command('set', { data: settings });
}
function onState({ state, previous, code, reason }) {
  if (state === 'stopped') stopWords = stopText(code, reason);
  if (state === 'live' || state === 'stopped' || state === 'waiting') lastCode = state === 'live' ? 0 : code ?? 0;
  if (state === 'live') {
    for (const x of underway()) if (x.cancelling) client.cancel(x.id);
    pump();
  }
  showConnection();
  for (const x of open) {
    showUserState(x);
    if (x.phase === 'running') showActivity(x, x.activity);
  }
  showComposer();
  if (state === 'stopped') announce(stopWords);
  else if (previous === 'live' && state === 'waiting') announce('Connection lost. Connecting again.');
}
/** What the client kept over a reload. The connection then brings the rest. */
function restore() {
  restoring = true;
  let latest = null;
  for (const answer of client.transcript.answers) {
    if (answer.kind === 'regenerate' && latest?.phase === 'done') { // answers the same question again
      const { answerText, responseId } = latest;
      prepare(latest, 'regenerate');
      Object.assign(latest, { id: answer.ref, before: { answerText, responseId }, phase: 'accepted' });
      exchangeOfAnswer.set(answer, latest);
      if (latest.answer) clearAnswer(latest);
    } else {
      latest = exchangeOf(answer);
    }
    if (answer.status !== null) {
      showEnd(latest, answer, true);
    } else {
      latest.thought = answer.reasoning;
      if (answer.text) write(latest, answer.text);
      else if (answer.reasoning) run(latest, 'Reasoning...');
    }
  }
  restoring = false;
}

// ---- the connection as it is shown
/** Words for the codes after which only a person can help. */
function stopText(code, reason) {
  const tooLong = 'A message was too long for the server.', login = token ? 'The server does not know this access token.' : 'This server asks for an access token.';
  const words = {
    0: 'Open this page from the server, not from a file.',
    1000: reason === 'Session timeout' ? 'The session ended because nothing happened for a while.' : 'The server ended the session.',
    1009: tooLong, 4413: tooLong,
    4400: 'The server could not use our messages.', 4401: login, 4408: login, 4403: 'You are not allowed to use this server.',
    4426: 'This page and the server speak different versions. Reload the page.', 4429: 'There are too many connections. Close another tab first.', 4499: 'The operator closed this session.',
  };
  return words[code] ?? `The server closed the connection (${code} ${reason}).`;
}
function showConnection() {
  const { state } = client;
  const left = seconds(client.retryInMs), offline = navigator.onLine === false;
  const pill = ui('connection-state');
  pill.dataset.state = state;
  pill.textContent = { waiting: `waiting${offline ? ', offline' : ''} ${left} s`, connecting: 'connecting...', catching_up: 'catching up...' }[state] ?? state;
  const bar = ui('connection-bar');
  bar.hidden = state !== 'waiting' && state !== 'stopped';
  bar.classList.toggle('bad', state === 'stopped');
  const wantsToken = [4004, 4401, 4403, 4408].includes(client.stopped?.code ?? lastCode);
  if (ui('token').hidden === wantsToken && wantsToken) setTimeout(() => ui('token').focus());
  ui('token').hidden = !wantsToken;
  ui('reconnect').textContent = wantsToken ? 'Connect' : state === 'stopped' ? 'Connect again' : 'Connect now';
  const why = lastCode === 4004 ? 'Your access token has expired.' : offline ? 'You are offline.' : client.attempts > 3 ? 'The server cannot be reached.' : 'The connection was lost.';
  ui('connection-text').textContent = state === 'stopped' ? stopWords : `${why} Reconnecting in ${left} s.`;
}

// ---- composer
/** Where there is a real keyboard; on a phone the focus would open the one on the screen. */
function focusComposer() { (matchMedia('(hover: hover) and (pointer: fine)').matches ? composer : log).focus({ preventScroll: true }); }
function onComposerInput() {
  composer.style.height = 'auto';
  composer.style.height = composer.scrollHeight + 'px';
  showComposer();
}
function showComposer() {
  const text = composer.value.trim(), problem = text && outboxProblem(bytesOf(text));
  const kept = [...open].filter((x) => x.phase === 'held' || x.phase === 'sent').length;
  const away = client.state === 'waiting' || client.state === 'stopped';
  const note = problem || (!away ? '' : kept ? `Messages that wait for the connection: ${kept}.` : 'Not connected. What you send is kept until the connection is back.');
  ui('send').disabled = !text || problem !== '';
  ui('stop').hidden = client.state !== 'live' || !current();
  composerNote.classList.toggle('bad', problem !== '');
  if (composerNote.textContent !== note) composerNote.textContent = note;
}
function submit(event) {
  event.preventDefault();
  const text = composer.value.trim();
  if (ui('send').disabled) return;
  composer.value = '';
  onComposerInput();
  ask(text);
}
function onComposerKey(event) {
  const endsWord = event.isComposing || event.keyCode === 229; // the Enter of an input method
  if (event.key === 'Enter' && !event.shiftKey && !endsWord) submit(event);
}
function onEscape(event) {
  if (event.key !== 'Escape' || event.isComposing || document.querySelector('dialog[open]')) return;
  const form = event.target.closest?.('form.card'), ask = asked.get(form?.dataset.ask);
  const home = ask?.question ? 'answer' : 'approve';
  if (ask?.open && ask.mode !== home) setMode(ask, home, true);
  else if (form && !ask) toggleComment(exchangeOfNode.get(form.closest('article')));
  else if (!ui('stop').hidden) cancel(current());
}

// ---- empty page, settings, clearing
const demoExamples = [['What is a WebSocket?', 'Any question of yours'], ['count to 20', 'Watch an answer stream in'], ['long answer', 'Scroll while it is written'], ['error 500', 'A failure that can be retried'], ['stall', 'An answer that hangs: stop it']];
const modelExamples = [['What is a WebSocket?', 'A short explanation'], ['Write a C++ function that reverses a string.', 'Code with a copy button'], ['Ask me three questions about my project.', 'The start of a conversation']];
function showExamples(demo) {
  ui('demo-banner').hidden = !demo;
  ui('examples').replaceChildren(...(demo ? demoExamples : modelExamples).map(([text, hint]) => {
    const button = el('button', { class: 'example', type: 'button' }, text, el('span', {}, hint));
    button.addEventListener('click', () => { ask(text); focusComposer(); });
    return button;
  }));
}
function showResult(id, text, bad = false) {
  ui(id).textContent = text;
  ui(id).classList.toggle('bad', bad);
}
function applySettings(event) {
  event.preventDefault();
  const data = {}, temperature = ui('set-temperature').value;
  for (const name of ['model', 'system']) if (ui('set-' + name).value.trim()) data[name] = ui('set-' + name).value.trim();
  if (temperature !== '') data.temperature = Number(temperature);
  if (!Object.keys(data).length) { showResult('settings-result', 'Nothing to apply.'); return; }
  showResult('settings-result', 'Applying...');
  client.request('set', { data }).then(
    () => { Object.assign(settings, data); showResult('settings-result', 'Applied.'); },
    (error) => showResult('settings-result', error.message, true));
}
function askServer(op, nodesOf) {
  ui('server-output').replaceChildren();
  showResult('server-result', 'Asking...');
  client.request(op, op === 'history' ? { limit: 50 } : {}).then((m) => {
    const nodes = nodesOf(m);
    showResult('server-result', '');
    ui('server-output').replaceChildren(...(nodes.length ? nodes : [el('p', {}, textOf(m.content) || 'Nothing yet.')]));
  }, (error) => showResult('server-result', error.message, true));
}
function factRows(data, prefix = '') {
  return Object.entries(data ?? {}).flatMap(([key, value]) => value !== null && typeof value === 'object' && !Array.isArray(value)
    ? factRows(value, prefix + key + ' ')
    : [el('dt', {}, (prefix + key).replaceAll('_', ' ')), el('dd', {}, Array.isArray(value) ? value.map(textOf).join(', ') : String(value))]);
}
function infoNodes(m) { return typeof m.data === 'object' ? [el('dl', {}, ...factRows(m.data))] : []; }
function historyNodes(m) {
  const found = [m.data?.messages, m.data?.history, m.messages, m.data].find(Array.isArray) ?? [];
  const who = { user: 'You', query: 'You', assistant: 'Agent', response: 'Agent', system: 'System prompt' };
  return found.slice(-100).map((item) => el('p', { dir: 'auto' }, el('span', { class: 'small' }, who[item?.role ?? item?.type] ?? 'Message'), textOf(item?.content)));
}
function clearConversation() {
  for (const x of [...held(), ...underway()]) { // in this order, so that nothing moves up
    if (x.phase !== 'held') client.cancel(x.id);
    forget(x);
    x.phase = 'done';
  }
  client.forget(); // late frames for what ran are ignored
  messages.replaceChildren();
  ui('empty').hidden = false;
  jumpToNewest();
  showComposer();
  focusComposer();
  client.request('clear').then(() => toast('The conversation is cleared.'), (error) => toast('This page is cleared, but not the agent: ' + error.message));
}

// ---- start
function tick() {
  if (client.state === 'waiting') showConnection();
  for (const x of open) if (x.phase === 'running' && !x.answer.activity.hidden) showActivity(x, x.activity);
  for (const ask of openAsks()) showAskState(ask);
}
/** For browsers whose keyboard covers the page instead of shrinking it. A pinch zoom is left alone. */
function fitToViewport() {
  if (Math.abs(visualViewport.scale - 1) > 0.01) return;
  document.documentElement.style.setProperty('--app-height', visualViewport.height + 'px');
  scrollTo(0, 0);
}
function start() {
  const on = (id, type, handler) => ui(id).addEventListener(type, handler);
  showTheme();
  systemDark.addEventListener('change', showTheme);
  on('theme', 'click', toggleTheme);
  on('compose', 'submit', submit);
  on('composer', 'input', onComposerInput);
  on('composer', 'keydown', onComposerKey);
  on('send', 'mousedown', (event) => event.preventDefault()); // the text box keeps the focus, and a phone its keyboard
  on('stop', 'click', () => { cancel(current()); focusComposer(); });
  on('login', 'submit', (event) => {
    event.preventDefault();
    if (!ui('token').hidden && ui('token').value) {
      token = ui('token').value.trim();
      ui('token').value = '';
      tabStorage()?.setItem(tokenKey, token);
    }
    client.start();
  });
  on('jump', 'click', jumpToNewest);
  on('go-ask', 'click', goToAsk);
  on('log', 'scroll', onScroll);
  on('log', 'click', onLogClick);
  on('open-settings', 'click', () => ui('settings').showModal());
  on('close-settings', 'click', () => ui('settings').close());
  on('settings', 'click', (event) => { if (event.target === ui('settings')) ui('settings').close(); }); // the backdrop
  on('settings-form', 'submit', applySettings);
  on('ask-info', 'click', () => askServer('info', infoNodes));
  on('ask-history', 'click', () => askServer('history', historyNodes));
  on('clear', 'click', () => { ui('confirm').returnValue = ''; ui('confirm').showModal(); });
  on('confirm', 'close', () => { if (ui('confirm').returnValue === 'clear') clearConversation(); });
  document.addEventListener('keydown', onEscape);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) client.hurry(); });
  window.addEventListener('online', () => client.hurry());
  window.addEventListener('offline', showConnection);
  window.visualViewport?.addEventListener('resize', fitToViewport);
  new ResizeObserver(followEnd).observe(log);
  setInterval(tick, 1000);
  showExamples(false);
  restore();
  focusComposer();
  client.start();
}
start();
</script>
</body>
</html>
)page";

/// Text in UTF-8, for as long as the program runs.
inline constexpr std::string_view chat_page() {
  return {chat_page_text, sizeof(chat_page_text) - 1};
}
