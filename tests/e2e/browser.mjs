// SPDX-License-Identifier: MIT
// Chromium through playwright-core:  node browser.mjs CHROMIUM plain SOCKET_URL PAGE_FILE
//                                    node browser.mjs CHROMIUM chat PAGE_URL SCREENSHOT_FOLDER
//                                    node browser.mjs CHROMIUM tools PAGE_URL SCREENSHOT_FOLDER
//                                    node browser.mjs CHROMIUM expiry PAGE_URL
//                                    node browser.mjs CHROMIUM secure PAGE_URL
//                                    node browser.mjs CHROMIUM cuts|reload|tabs PORT
// `chat` prints "restart the server" and goes on when a line comes in.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';
import { check, require, run } from './packages.mjs';
import { Proxy } from './proxy.mjs';

const [executablePath, mode, ...rest] = process.argv.slice(2);
const { chromium } = require('playwright-core');

async function withPage(use, options = {}) {
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const problems = [];
    context.on('page', (page) => {
      page.setDefaultTimeout(15000);
      page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
      page.on('dialog', (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    });
    await use(await context.newPage());
    check(problems.length === 0, problems.join('; '));
  } finally {
    await browser.close();
  }
}

function step(words) { console.log(`step: ${words}`); }

async function plainConversation(page, address) {
  await page.goto(address);
  await page.locator('#state', { hasText: 'open' }).waitFor();
  await page.locator('.notification', { hasText: 'Connected to Agent WebSocket. Session ID: ' }).waitFor();
  await page.fill('#text', 'Hello from <b>Chromium</b>');
  await page.click('button');
  await page.locator('.status', { hasText: 'Thinking...' }).waitFor();
  await page.locator('.response', { hasText: 'You said: "Hello from <b>Chromium</b>".' }).waitFor();
  await page.fill('#text', '');
  await page.click('button');
  await page.locator('.error', { hasText: 'Message content is required' }).waitFor();
  const kinds = await page.locator('#log li').evaluateAll((items) => items.map((item) => item.className));
  check(kinds.join() === 'notification,status,response,error', `messages: ${kinds}`);
}

async function plain(socketUrl, file) {
  const parameter = `?socket=${encodeURIComponent(socketUrl)}`;
  await withPage(async (page) => {
    step('from a file');
    await plainConversation(page, pathToFileURL(file).href + parameter);
    step('from another origin');
    const server = http.createServer((_, answer) => {
      answer.writeHead(200, { 'Content-Type': 'text/html' });
      answer.end(fs.readFileSync(file));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    await plainConversation(page, `http://127.0.0.1:${server.address().port}/${parameter}`);
    server.close();
  });
}

class Chat {
  constructor(page) { this.page = page; }
  answer() { return this.page.locator('[data-role="assistant"]').last(); }
  text() { return this.answer().innerText(); }
  async live() {
    await this.page.waitForFunction(() => document.querySelector('#connection-state')?.textContent.startsWith('live'));
  }
  async ask(text) {
    const before = await this.page.locator('[data-role="assistant"]').count();
    await this.page.fill('#composer', text);
    await this.page.click('#send');
    await this.page.waitForFunction((n) => document.querySelectorAll('[data-role="assistant"]').length > n, before);
  }
  async status(wanted) {
    await this.page.waitForFunction(
      (status) => [...document.querySelectorAll('[data-role="assistant"]')].pop()?.dataset.status === status, wanted);
  }
}

/** Light and dark, wide and on a phone; nothing may be wider than the screen. */
async function photograph(page, folder, what) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const [name, width, height] of [['wide', 1280, 800], ['phone', 390, 844]]) {
      await page.setViewportSize({ width, height });
      const file = path.join(folder, `${what}-${name}-${colorScheme}.png`);
      await page.screenshot({ path: file });
      check(fs.statSync(file).size > 5000, `${file} is empty`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(over <= 0, `${name}: ${over} pixels wider than the screen`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

async function chat(address, folder) {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await withPage(async (page) => {
    const chat = new Chat(page);
    step('opens and connects');
    await page.goto(address);
    await chat.live();

    step('an answer grows while it is streamed');
    await chat.ask('count to 60');
    await chat.status('streaming');
    const lengths = new Set();
    while (await chat.answer().getAttribute('data-status') === 'streaming') {
      lengths.add((await chat.text()).length);
      await page.waitForTimeout(80);
    }
    check(lengths.size >= 4, `only ${lengths.size} lengths were seen`);
    await chat.status('completed');
    check((await chat.text()).includes('58 59 60'), 'the end of the answer is missing');

    step('rates an answer');
    const up = chat.answer().locator('[data-action="rate-up"]');
    await up.click();
    await page.waitForFunction(() => [...document.querySelectorAll('[data-action="rate-up"]')].pop()
      ?.getAttribute('aria-pressed') === 'true');

    step('stops an answer');
    await chat.ask('count to 900');
    await chat.status('streaming');
    await page.waitForFunction(() => [...document.querySelectorAll('[data-role="assistant"]')].pop()
      .innerText.includes('8 9 10'));
    await page.click('#stop');
    await chat.status('cancelled');
    check((await chat.text()).includes('1 2 3'), 'the stopped text is gone');

    step('shows markup as text');
    await chat.ask('html');
    await chat.status('completed');
    check((await chat.text()).includes("<script>alert('run')</script>"), 'the markup is not shown as text');

    step('a failure can be tried again');
    await chat.ask('error 500');
    await chat.status('failed');
    await chat.answer().locator('[data-action="retry"]').click();
    await chat.status('failed');

    step('code and paragraphs');
    await chat.ask('long answer 120 words');
    await chat.status('completed');
    check(await chat.answer().locator('pre, code').count() > 0, 'no code block');

    await photograph(page, folder, 'chat');

    step('reloads');
    await page.reload();
    await chat.live();
    await chat.ask('count to 3');
    await chat.status('completed');

    step('connects again after a restart');
    console.log('restart the server');
    await lines.next();
    await chat.live();
    await chat.ask('count to 4');
    await chat.status('completed');
    check((await chat.text()).includes('1 2 3 4'), 'no answer after the restart');
  });
}

// ---- tools, decisions, reasoning

class ToolChat extends Chat {
  card() { return this.page.locator('.ask').last(); }
  async asksFor(question) {
    await this.ask(question);
    await this.page.locator('.ask[data-open="true"]').waitFor();
  }
  async decide(mode) { await this.card().locator(`[data-decide="${mode}"]`).click(); }
  async mode(name) { await this.card().locator(`[data-mode="${name}"]`).click(); }
  async verdict(words) { await this.page.locator('.ask[data-open="false"]').last().getByText(words).waitFor(); }
  /** Another tab's answer may begin long after its question. */
  async answers(words) {
    const last = (wanted) => {
      const node = [...document.querySelectorAll('[data-role="assistant"]')].pop();
      return node?.dataset.status === 'completed' && node.querySelector('.body').textContent.includes(wanted);
    };
    await this.page.waitForFunction(last, words).catch(async () => {
      throw new Error(`the answer is "${await this.text()}", not "${words}"`);
    });
  }
  /** A tab of its own, with a copy of this one's sessionStorage. */
  async twin() {
    const opened = this.page.waitForEvent('popup');
    await this.page.evaluate(() => {
      window.dispatchEvent(new Event('pagehide')); // so that the copy is of now
      window.open('/');
    });
    const twin = new ToolChat(await opened);
    await twin.live();
    return twin;
  }
}

async function tools(address, folder) {
  await withPage(async (page) => {
    const chat = new ToolChat(page);
    await page.goto(address);
    await chat.live();

    step('a call is shown with its name, arguments and state');
    await chat.ask('what is 12 * 7?');
    await chat.answers('The tool calculate says: 84');
    const call = chat.answer().locator('.call');
    check(await call.getAttribute('data-state') === 'done', 'the call is not done');
    const summary = await call.locator('summary').innerText();
    check(summary.includes('calculate') && summary.includes('done') && summary.includes('{"expression":"12 * 7"}'), summary);
    check(!await call.locator('pre').isVisible(), 'the arguments are not folded');
    await call.locator('summary').press('Enter');
    check((await call.locator('pre').innerText()).includes('"expression": "12 * 7"'), 'the arguments are not shown');

    step('tokens and cost');
    const facts = await chat.answer().locator('.actions').innerText();
    check(/\d+ \+ \d+ tokens \u00b7 \$0\.\d+/.test(facts), () => `the facts are ${facts}`);

    step('a call that fails');
    await chat.ask('use the tool calculate with {"expression":"1/0"}');
    await chat.answers('failed: Division by zero');
    check(await chat.answer().locator('.call[data-state="failed"]').count() === 1, 'the call has not failed');

    step('reasoning is folded');
    await chat.ask('think about sheep');
    await chat.answers('You said: "think about sheep"');
    const thought = chat.answer().locator('.thought');
    check(await thought.isVisible() && !await thought.locator('div').isVisible(), 'the reasoning is not folded');
    await thought.locator('summary').press('Enter');
    check((await thought.locator('div').innerText()).includes('think about "sheep". I have thought'), 'the reasoning is not shown');

    step('approved by the keyboard alone');
    await chat.asksFor('read notes.txt');
    const asked = await chat.card().innerText();
    check(asked.includes('May the agent read this file?') && asked.includes('"path": "notes.txt"'), asked);
    check(/Open for \d:\d\d, then: rejected/.test(asked), asked);
    await photograph(page, folder, 'tools');
    await page.locator('#go-ask').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await chat.verdict('Approved.');
    await chat.answers('The tool read_file says: buy milk');
    check(await page.locator('#ask-bar').isHidden(), 'something is still asked for');

    step('rejected with a reason');
    await chat.asksFor('read notes.txt');
    await chat.mode('reject');
    await page.keyboard.press('Escape');
    await chat.card().locator('[data-decide="approve"]').waitFor();
    await chat.mode('reject');
    await page.keyboard.type('that is private');
    await chat.decide('reject');
    await chat.verdict('Rejected.');
    await chat.answers('that is private');

    step('approved with other arguments');
    await chat.asksFor('read notes.txt');
    await chat.mode('edit');
    const field = chat.card().locator('textarea');
    for (const [wrong, words] of [['{path', 'This is not JSON'], ['{"path":7}', '`path` must be a string']]) {
      await field.fill(wrong);
      await chat.decide('edit');
      await chat.card().getByText(words).waitFor();
      check(await field.inputValue() === wrong, 'what was typed is gone');
    }
    await field.fill('{"path":"other.txt"}');
    await chat.decide('edit');
    await chat.verdict('Approved with other arguments.');
    await chat.answers('sell wool');

    step('answered in the place of the tool');
    await chat.asksFor('read notes.txt');
    await chat.mode('answer');
    await chat.decide('answer'); // nothing to answer with
    await chat.card().locator('textarea').fill('buy nothing');
    await chat.decide('answer');
    await chat.verdict('Answered.');
    await chat.answers('The tool read_file says: buy nothing');

    step('a question, answered by the keyboard alone');
    await chat.asksFor('use the tool ask_person with {"question":"Which city?"}');
    const question = await chat.card().innerText();
    check(question.includes('The agent has a question:') && question.includes('Which city?'), question);
    await page.locator('#go-ask').press('Enter');
    await page.keyboard.type('Rome');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await chat.verdict('Answered.');
    await chat.answers('The tool ask_person says: Rome');

    step('markup is text; stopping withdraws the question');
    await chat.asksFor('use the tool read_file with {"path":"<img src=x onerror=alert(1)>"}');
    check((await chat.card().innerText()).includes('<img src=x'), 'the arguments are not shown as text');
    check(await page.locator('#log img').count() === 0, 'the arguments became an element');
    await page.click('#stop');
    await chat.verdict('Withdrawn.');
    await chat.status('cancelled');

    step('a reload, and the question is there again');
    await chat.asksFor('read notes.txt');
    await page.reload();
    await chat.live();
    await page.locator('.ask[data-open="true"]').waitFor();
    check(await page.locator('.ask').count() === 1, 'the question is there twice');
    await chat.decide('approve');
    await chat.answers('The tool read_file says: buy milk');

    step('another tab decides');
    const twin = await chat.twin();
    await chat.asksFor('read notes.txt');
    await twin.page.locator('.ask[data-open="true"]').waitFor();
    await twin.mode('reject');
    await twin.decide('reject');
    await chat.verdict('Rejected, elsewhere.');
    await twin.verdict('Rejected.');
    for (const each of [chat, twin]) await each.answers('failed: A person has declined');

    step('the tab that asked is closed, the other one decides');
    await chat.asksFor('read notes.txt');
    await twin.page.locator('.ask[data-open="true"]').waitFor();
    await page.close();
    await twin.decide('approve');
    await twin.verdict('Approved.');
    await twin.answers('The tool read_file says: buy milk');
  });
}

async function expiry(address) {
  await withPage(async (page) => {
    const chat = new ToolChat(page);
    await page.goto(address);
    await chat.live();
    await chat.asksFor('read notes.txt');
    await chat.card().getByText(/Open for 0:0\d, then: rejected/).waitFor();
    await chat.verdict('Nobody decided in time. Rejected.');
    await chat.answers('Nobody has decided about this call in time');
  });
}

// ---- lost connections and reloads: what is shown must at each moment be the beginning of the whole answer

const counted = (n) => Array.from({ length: n }, (_, i) => i + 1).join(' ');

/** Looks at the page while it lives: no answer doubled, none with a text that is not the beginning of what it will be. */
function watchAnswers(whole) {
  window.answerFaults = [];
  const look = () => {
    for (const body of document.querySelectorAll('[data-role="assistant"] .body')) {
      if (!whole.startsWith(body.textContent)) window.answerFaults.push(body.textContent);
    }
  };
  new MutationObserver(look).observe(document, { childList: true, characterData: true, subtree: true });
}

class ResumedChat extends Chat {
  shown() { return this.page.evaluate(() => [...document.querySelectorAll('[data-role="assistant"] .body')].pop()?.textContent ?? ''); }
  async grows(by = 20) {
    const had = (await this.shown()).length;
    await this.page.waitForFunction((least) => [...document.querySelectorAll('[data-role="assistant"] .body')].pop()
      ?.textContent.length >= least, had + by);
  }
  async state(name) { await this.page.waitForFunction((wanted) => document.querySelector('#connection-state')?.dataset.state === wanted, name); }
  async whole(text, answers) {
    await this.page.waitForFunction(() => [...document.querySelectorAll('[data-role="assistant"]')].pop()?.dataset.status === 'completed', null, { timeout: 40000 });
    const shown = await this.shown();
    check(shown === text, () => `the answer is "${shown}"`);
    const faults = await this.page.evaluate(() => window.answerFaults);
    check(faults.length === 0, () => `at one time it was "${faults[0]}"`);
    await this.count(answers);
  }
  async count(answers) {
    for (const role of ['user', 'assistant']) {
      const found = await this.page.locator(`[data-role="${role}"]`).count();
      check(found === answers, `${found} articles of ${role}, ${answers} expected`);
    }
    check(await this.page.locator('[data-role="divider"]').count() === 0, 'the session was lost');
  }
}

async function throughProxy(port, whole, use) {
  const proxy = await Proxy.before(Number(port));
  await withPage(async (page) => {
    await page.context().addInitScript(watchAnswers, whole);
    const chat = new ResumedChat(page);
    await page.goto(`http://127.0.0.1:${proxy.port}/`);
    await chat.live();
    await use(chat, proxy, page);
  });
  proxy.close();
}

/** The authority of the test is none of the browser's, so that its errors are ignored. */
async function secure(address) {
  await withPage(async (page) => {
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.goto(address);
    const chat = new Chat(page);
    await chat.live();
    await chat.ask('Hello over TLS');
    await chat.status('completed');
    check((await chat.text()).includes('Hello over TLS'), await chat.text());
    check(sockets.length === 1 && sockets[0].startsWith(address.replace('https:', 'wss:')), () => `sockets: ${sockets}`);
  }, { ignoreHTTPSErrors: true });
}

/** Ten times in one answer: the browser's own offline mode, and connections that break on their way. */
async function cuts(port) {
  const whole = counted(1000);
  await throughProxy(port, whole, async (chat, proxy, page) => {
    await chat.ask('count to 1000');
    for (let round = 0; round < 10; ++round) {
      step(`cut ${round + 1}`);
      await chat.grows();
      if (round % 2 === 0) {
        // The offline mode alone leaves a WebSocket open; a reset that comes during it makes Chromium's
        // network process spin, so the connection breaks first.
        proxy.cut();
        await page.context().setOffline(true);
        await chat.state('waiting');
        await page.context().setOffline(false); // the page is told, and connects soon
      } else {
        proxy.down();
        await chat.state('waiting');
        await page.waitForTimeout(30 * round);
        proxy.up();
        await page.click('#reconnect');
      }
      await chat.live();
      check(await chat.answer().getAttribute('data-status') === 'streaming', `cut ${round + 1} came after the end`);
    }
    await chat.whole(whole, 1);
    step('and works on');
    await chat.ask('count to 5');
    await chat.whole('1 2 3 4 5', 2);
  });
}

async function reload(port) {
  const whole = counted(300);
  await throughProxy(port, whole, async (chat, proxy, page) => {
    await chat.ask('count to 3');
    await chat.whole('1 2 3', 1);
    await chat.ask('count to 300');
    for (let round = 0; round < 3; ++round) {
      step(`reload ${round + 1}`);
      await chat.grows();
      await page.reload();
      await chat.live();
      check(await chat.answer().getAttribute('data-status') === 'streaming', `reload ${round + 1} came after the end`);
    }
    step('a reload without a network, and a question meanwhile');
    await chat.grows();
    await chat.page.evaluate(() => window.dispatchEvent(new Event('pagehide')));
    proxy.cut();
    await chat.state('waiting');
    await page.fill('#composer', 'count to 4');
    await page.click('#send');
    await page.reload();
    await chat.live();
    await page.waitForFunction(() => document.querySelectorAll('[data-role="assistant"][data-status="completed"]').length === 3, null, { timeout: 30000 });
    await chat.whole('1 2 3 4', 3);
    const texts = await page.locator('[data-role="assistant"] .body').allTextContents();
    check(texts.join('|') === ['1 2 3', whole, '1 2 3 4'].join('|'), () => `answers: ${texts}`);
    step('a reload with nothing to do');
    await page.reload();
    await chat.live();
    await chat.count(3);
    await chat.answer().locator('[data-action="rate-up"]').click();
    await chat.answer().locator('.feedback-state', { hasText: 'saved' }).waitFor();
    step('an answer again, and a reload after it');
    await chat.answer().locator('[data-action="regenerate"]').click();
    await chat.status('streaming').catch(() => {}); // it may be over already
    await chat.status('completed');
    await page.reload();
    await chat.live();
    await chat.count(3);
    step('cleared is cleared, after a reload too');
    await page.click('#clear');
    await page.click('#confirm-clear');
    await page.waitForFunction(() => !document.querySelector('#messages').childElementCount);
    await chat.count(0);
    await page.reload();
    await chat.live();
    await chat.count(0);
  });
}

/** A window that is opened by a page gets a copy of its sessionStorage, as a duplicated tab does. */
async function tabs(port) {
  const whole = counted(200);
  await throughProxy(port, whole, async (chat, proxy, page) => {
    await chat.ask('count to 200');
    await chat.grows();
    step('the second tab');
    const opened = page.waitForEvent('popup');
    await page.evaluate(() => {
      window.dispatchEvent(new Event('pagehide')); // so that the copy is of now
      window.open('/');
    });
    const twin = new ResumedChat(await opened);
    await twin.live();
    await twin.count(1);
    step('both lose the connection');
    proxy.down();
    for (const each of [chat, twin]) await each.state('waiting');
    proxy.up();
    for (const each of [chat, twin]) {
      await each.page.click('#reconnect');
      await each.live();
    }
    for (const each of [chat, twin]) await each.whole(whole, 1);
    step('each sees what the other asks');
    await twin.ask('count to 6');
    await page.waitForFunction(() => document.querySelectorAll('[data-role="user"]').length === 2); // learned from the history
    for (const each of [chat, twin]) await each.whole('1 2 3 4 5 6', 2);
    const asked = await page.locator('[data-role="user"] .text').allTextContents();
    check(asked.join('|') === 'count to 200|count to 6', () => `questions: ${asked}`);
  });
}

await run(() => ({ plain, chat, tools, expiry, secure, cuts, reload, tabs })[mode](...rest));
