// SPDX-License-Identifier: MIT
//
// The part of the chat page that draws answers, made by tools/embed_page.py from answer-text.js: change that one.
#pragma once

#include <string_view>

inline constexpr char text_module_text[] =
    R"page(// SPDX-License-Identifier: MIT
//
// The text of an answer as DOM nodes, for the chat page: code, headings, lists, paragraphs, emphasis. All else stays as it was
// written. A text that grows is drawn from its last block on.

/** Builds an element. Text becomes text nodes: the page never makes HTML out of a string. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
export const textButton = (action, label, look = 'button') => el('button', { class: look, type: 'button', 'data-action': action }, label);

const fenceLine = /^([ \t]*)(`{3,}|~{3,})[ \t]*([^`]*)$/;
const headingLine = /^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$/;
const itemLine = /^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(.*)$/;

function lineAt(text, start) {
  const newline = text.indexOf('\n', start);
  const stop = newline < 0 ? text.length : newline;
  return { text: text.slice(start, stop).replace(/\r$/, ''), next: newline < 0 ? stop : newline + 1 };
}
function readLines(text, start, belongs) {
  const lines = [];
  while (start < text.length) {
    const line = lineAt(text, start);
    if (lines.length && !belongs(line.text)) break;
    lines.push(line.text);
    start = line.next;
  }
  return { lines, end: start, body: lines.join('\n').trimEnd() };
}
function readCode(text, start) {
  const opening = lineAt(text, start);
  const [, indent, fence, info] = fenceLine.exec(opening.text);
  let bodyEnd = text.length, end = text.length; // a fence that is still open reaches to the end
  for (let at = opening.next; at < text.length;) {
    const line = lineAt(text, at), mark = line.text.trim();
    if (mark.length >= fence.length && mark === fence[0].repeat(mark.length)) { bodyEnd = at; end = line.next; break; }
    at = line.next;
  }
  let body = text.slice(Math.min(opening.next, bodyEnd), bodyEnd).replace(/\r?\n$/, '');
  if (indent) body = body.split('\n').map((line) => line.startsWith(indent) ? line.slice(indent.length) : line).join('\n');
  return { kind: 'code', end, body, language: info.trim().split(/\s/)[0] || 'code' };
}
/** Inside a paragraph only "1." begins a list: a line may happen to start with a year. */
function continuesParagraph(line) {
  const item = itemLine.exec(line);
  return line.trim() && !fenceLine.test(line) && !headingLine.test(line) && !(item && /^([-*+]|1[.)])$/.test(item[2]));
}
function readBlock(text, start) {
  const first = lineAt(text, start);
  const heading = headingLine.exec(first.text);
  if (fenceLine.test(first.text)) return readCode(text, start);
  if (heading) return { kind: 'heading', end: first.next, body: heading[1] };
  if (itemLine.test(first.text)) return { kind: 'list', ...readLines(text, start, (line) => itemLine.test(line) || (/^\s{2,}\S/.test(line) && !fenceLine.test(line))) };
  return { kind: 'paragraph', ...readLines(text, start, continuesParagraph) };
}
function parseBlocks(text, from) {
  const blocks = [];
  for (let at = from; at < text.length;) {
    const line = lineAt(text, at), block = line.text.trim() ? { start: at, ...readBlock(text, at) } : null;
    if (block) blocks.push(block);
    at = block ? block.end : line.next;
  }
  return blocks;
}
/** Each alternative is bounded, so that no text makes the search slow. */
function inline(text) {
  const nodes = [];
  let at = 0;
  for (const { 0: whole, 1: code, 2: bold, 3: italic, index } of text.matchAll(/`([^`\n]{1,500})`|\*\*([^*\n]{1,800})\*\*|\B\*([^*\s][^*\n]{0,400})\*(?!\w)/g)) {
    nodes.push(text.slice(at, index), code ? el('code', {}, code) : bold ? el('strong', {}, bold) : el('em', {}, italic));
    at = index + whole.length;
  }
  nodes.push(text.slice(at));
  return nodes.filter((node) => node !== '');
}
/** Marks stay text, so that numbers are the model's own even when code stands between two items. */
function listNode(lines) {
  const items = [];
  for (const line of lines) {
    const item = itemLine.exec(line);
    if (item) items.push({ depth: item[1].length, mark: item[2].length > 1 ? item[2] : '\u2022', words: item[3] });
    else items[items.length - 1].words += '\n' + line.trim();
  }
  return el('ul', {}, ...items.map(({ depth, mark, words }) => {
    const node = el('li', { dir: 'auto' }, el('span', {}, mark), el('span', {}, ...inline(words)));
    node.style.paddingInlineStart = Math.min(depth, 12) * 0.55 + 'rem';
    return node;
  }));
}
function blockNode({ kind, body, language, lines }) {
  if (kind === 'list') return listNode(lines);
  if (kind === 'heading') return el('h3', { dir: 'auto' }, ...inline(body));
  if (kind === 'paragraph') return el('p', { dir: 'auto' }, ...inline(body));
  const copy = textButton('copy-code', 'Copy', 'link');
  copy.setAttribute('aria-label', `Copy ${language}`);
  return el('figure', { class: 'code' }, el('figcaption', {}, language, copy), el('pre', { dir: 'ltr' }, el('code', {}, document.createTextNode(body))));
}

/** Shows a growing text. Only the last block can still change, so parsing starts there. */
export class AnswerBody {
  constructor() {
    this.node = el('div', { class: 'body' });
    this.reset();
  }
  reset() {
    this.node.replaceChildren();
    this.shown = '';
    this.last = null;
  }
  update(text) {
    if (text === this.shown) return;
    if (!text.startsWith(this.shown)) this.reset();
    const previous = this.last;
    parseBlocks(text, previous ? previous.block.start : 0).forEach((block, index) => {
      if (index === 0 && previous) this.replace(previous, block);
      else this.append(block);
    });
    this.shown = text;
  }
  append(block) {
    this.last = { block, node: blockNode(block) };
    this.node.append(this.last.node);
  }
  replace(previous, block) {
    const grown = this.grow(previous, block);
    this.last = { block, node: grown ? previous.node : blockNode(block) };
    if (!grown) previous.node.replaceWith(this.last.node);
  }
  /** The cheap way for most frames: plain text added to a text node that is already there. */
  grow({ node, block: old }, block) {
    if (old.kind !== block.kind || old.language !== block.language || !block.body.startsWith(old.body)) return false;
    if (block.kind !== 'code' && (block.kind !== 'paragraph' || /[`*]/.test(block.body))) return false;
    (block.kind === 'code' ? node.querySelector('code') : node).firstChild.appendData(block.body.slice(old.body.length));
    return true;
  }
}
)page";

/// Text in UTF-8, for as long as the program runs.
inline constexpr std::string_view text_module() {
  return {text_module_text, sizeof(text_module_text) - 1};
}
