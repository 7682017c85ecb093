// SPDX-License-Identifier: MIT
// Chromium through playwright-core:  node browser.mjs CHROMIUM plain SOCKET_URL PAGE_FILE
//                                    node browser.mjs CHROMIUM chat PAGE_URL SCREENSHOT_FOLDER
// `chat` prints "restart the server" and goes on when a line comes in.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';
import { check, require, run } from './packages.mjs';

const [executablePath, mode, ...rest] = process.argv.slice(2);
const { chromium } = require('playwright-core');

async function withPage(use) {
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(15000);
    const problems = [];
    page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
    page.on('dialog', (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    await use(page);
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
    await this.page.waitForFunction(() => document.querySelector('#connection-state').textContent.startsWith('live'));
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

    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const [name, width, height] of [['wide', 1280, 800], ['phone', 390, 844]]) {
        await page.setViewportSize({ width, height });
        const file = path.join(folder, `chat-${name}-${colorScheme}.png`);
        await page.screenshot({ path: file });
        check(fs.statSync(file).size > 5000, `${file} is empty`);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        check(over <= 0, `${name}: ${over} pixels wider than the screen`);
      }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 800 });

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

await run(() => (mode === 'plain' ? plain(...rest) : chat(...rest)));
