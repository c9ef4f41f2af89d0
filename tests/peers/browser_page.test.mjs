// The browser's page and a host's chat are in one room: a message typed in the page appears in a
// headless host's window, and the reverse. A screenshot of both is kept.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { makeWorld, require, start, stop, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
const pages = process.env.ATELIER_WWW;
mkdirSync(artefacts, { recursive: true });

let world, browser;
before(async () => {
  world = await makeWorld();
  browser = await require('playwright-core').chromium.launch({
    executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
});
after(async () => {
  await browser?.close();
  await world.end();
});

const address = () => until(() => {
  try {
    return JSON.parse(readFileSync(path.join(world.folder, 'atelier', 'share.json'), 'utf8')).url;
  } catch {
    return null;
  }
}, 'a host to serve');

test('a message crosses both ways, and the page catches up after the server was away', async () => {
  const host = start(world, ['chat', '--headless', '--room', 'lobby', '--nick', 'Hanna', '--www', pages, '--script', '-']);
  const url = await address();
  const page = await browser.newPage({ viewport: { width: 900, height: 640 } });
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${url}/_www/browser-chat/?room=lobby`);
  await page.getByLabel('Your nickname').fill('Paula');
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByText('No messages yet').waitFor();

  await page.getByLabel('Write a message').fill('hello from the page 🎨');
  await page.keyboard.press('Enter');
  host.stdin.write('wait "hello from the page" within 20s\nprint "heard"\n');
  await until(() => host.lines.includes('heard'), `the page's message in the window: ${host.notes}`);

  host.stdin.write('type "hello from the window\\n"\n');
  await page.getByText('hello from the window').waitFor();
  await page.getByText('Hanna').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();

  const hostPicture = path.join(artefacts, 'browser-chat-host.png');
  host.stdin.write(`wait "hello from the window" within 10s\nscreenshot "${hostPicture}"\nprint "pictured"\n`);
  await until(() => host.lines.includes('pictured'), `the window's picture: ${host.notes}`);
  assert.ok(statSync(hostPicture).size > 1000);
  await page.screenshot({ path: path.join(artefacts, 'browser-chat-page.png') });

  // The server goes; the page goes on, and another host takes the address over.
  await stop(host);
  await page.getByLabel('Write a message').fill('written while nobody served');
  await page.keyboard.press('Enter');
  await page.getByText('written while nobody served').waitFor();
  const second = start(world, ['chat', '--headless', '--profile', 'second', '--room', 'lobby', '--nick', 'Sven', '--www', pages,
    '--script', '-']);
  second.stdin.write('wait "written while nobody served" within 60s\nwait "hello from the window" within 20s\nprint "complete"\n');
  await until(() => second.lines.includes('complete'), `the page to find the new server: ${second.notes}`, 80_000);
  assert.deepEqual(complaints, []);
});

test('pages of strangers cannot write', async () => {
  const host = start(world, ['--no-window', '--room', 'lobby', '--nick', 'Hanna', '--profile', 'third']);
  const url = await address();
  const page = await browser.newPage();
  await page.goto('about:blank'); // its origin is "null"
  const outcome = await page.evaluate((target) => fetch(`${target}/lobby`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"_id":"message:evil"}',
  }).then((reply) => reply.status, (error) => String(error)), url);
  assert.match(String(outcome), /Failed to fetch|403/);
  const reply = await fetch(`${url}/lobby/message:evil`);
  assert.equal(reply.status, 404);
  await stop(host);
});
