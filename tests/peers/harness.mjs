// What the tests in Node share: the packages, `atelier` processes, waiting for things to become true.
//
// ATELIER_BIN names the program under test, ATELIER_PEERS the folder with node_modules.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const binary = process.env.ATELIER_BIN;
if (!binary || !process.env.ATELIER_PEERS) throw new Error('run me through ctest: it sets ATELIER_BIN and ATELIER_PEERS');
export const require = createRequire(path.join(process.env.ATELIER_PEERS, 'package.json'));

const deadlineMs = 20_000; // for anything that should happen "now", on a slow and busy machine

/** A folder and a port of this test's own, so that no other host on the machine is met. */
export async function makeWorld() {
  const folder = mkdtempSync(path.join(tmpdir(), 'atelier-peers-'));
  const processes = new Set();
  const env = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_DATA_HOME: path.join(folder, 'data'), HOME: folder,
    ATELIER_PORT: String(await freePort()) };
  delete env.DISPLAY;
  delete env.WAYLAND_DISPLAY;
  return {
    folder,
    env,
    processes,
    async end() {
      await Promise.all([...processes].map((child) => stop(child)));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts `atelier ARGS`; `lines` collects its standard output, `notes` its standard error. */
export function start(world, args) {
  return spawnProcess(world, binary, args);
}

function spawnProcess(world, program, args) {
  const child = spawn(program, args, { env: world.env });
  child.lines = [];
  child.notes = [];
  child.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  createInterface({ input: child.stdout }).on('line', (line) => child.lines.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => child.notes.push(line));
  child.stdin.on('error', () => {}); // it may end before it has read everything
  world.processes.add(child);
  return child;
}

/** Runs a script of this folder in a Node of its own. */
export function spawnNode(world, script, args) {
  return spawnProcess(world, process.execPath, [path.join(path.dirname(fileURLToPath(import.meta.url)), script), ...args]);
}

let windowSteps = 0;
/** A window without a display. `does` plays script lines (host/window/script.h) and waits until they came true. */
export function openWindow(world, args) {
  const child = start(world, [...args, '--headless', '--script', '-']);
  const name = args.join(' ');
  child.does = async (...script) => {
    const mark = `step ${++windowSteps}`;
    child.stdin.write(`${script.join('\n')}\nprint "${mark}"\n`);
    await until(() => child.lines.includes(mark) || child.exitCode !== null, `${name}: ${script.join('; ')}`, deadlineMs * 3);
    if (!child.lines.includes(mark)) throw new Error(`${name} ended at: ${script.join('; ')}\n${child.notes.join('\n')}`);
  };
  return child;
}

export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  return child.ended;
}

/** Runs `atelier ARGS` to its end. Servers of this process go on answering meanwhile. */
export async function run(world, args, input = '') {
  const child = spawn(binary, args, { env: world.env, timeout: deadlineMs * 3 });
  let out = '', err = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, out, err };
}

/** `atelier serve` on a free port. */
export async function serve(world, { profile = 'server', args = [] } = {}) {
  const child = start(world, ['serve', '--profile', profile, '--port', '0', '--json', ...args]);
  const line = await until(() => child.lines[0] ?? (child.exitCode !== null && ' '), 'atelier serve to say where');
  if (!line.startsWith('{')) throw new Error(`atelier serve ended: ${child.notes.join('\n')}`);
  const { url, admin_token_file } = JSON.parse(line);
  const token = readFileSync(admin_token_file, 'utf8').trim();
  const admin = url.replace('://', `://admin:${token}@`);
  return { child, url, token, admin };
}

/** Waits until `probe` gives something true, and returns it. */
export async function until(probe, what, timeoutMs = deadlineMs) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** PouchDB with databases in memory. */
export function pouch() {
  const PouchDB = require('pouchdb').plugin(require('pouchdb-adapter-memory'));
  return PouchDB.defaults({ adapter: 'memory' });
}

let pouchNames = 0;
/** A fresh database in memory. */
export function freshPouch(PouchDB) {
  return new PouchDB(`local-${process.pid}-${++pouchNames}`);
}

/** Every leaf of every document with its body, for comparing two databases. */
export async function leavesOf(db) {
  const rows = (await db.changes({ since: 0, style: 'all_docs' })).results.filter((row) => !row.id.startsWith('_design/'));
  const all = {};
  for (const row of rows) {
    const leaves = await db.get(row.id, { open_revs: 'all', revs: true });
    all[row.id] = leaves
      .filter((leaf) => leaf.ok)
      .map(({ ok }) => {
        const { _attachments, ...rest } = ok;
        const names = Object.entries(_attachments ?? {}).map(([name, a]) => [name, a.digest, a.content_type, a.length]);
        return { ...rest, _attachments: names.sort() };
      })
      .sort((a, b) => (a._rev < b._rev ? -1 : 1));
  }
  return all;
}

/** An express-pouchdb server in memory, on a free port; `db(name)` opens one of its databases. */
export async function expressPouch(world) {
  const child = spawnNode(world, 'express_server.mjs', [world.folder]);
  const url = await until(() => child.lines[0], `express-pouchdb to say where: ${child.notes}`);
  const PouchDB = pouch();
  return { url, db: (name) => new PouchDB(`${url}/${name}`, { adapter: 'http' }) };
}
