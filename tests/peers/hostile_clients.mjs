// Hostile clients, in a process of their own, until standard input ends: node hostile_clients.mjs URL. Three of each
// kind at once, each begins anew when it was cut. Twice a second and at the end one line of JSON: for each kind how often
// it began, how it was answered (status codes), how often it was cut, and the bytes that it sent.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';

const url = new URL(process.argv[2]);
const tellEveryMs = 500;
const secure = url.protocol === 'https:';
const host = `Host: ${url.host}\r\n`;
const each = 3;
const floodConnections = 100; // of one flood, which then closes them
const pauseMs = 100;          // between two lives of one client
const bomb = gzipSync(Buffer.alloc(96 << 20), { level: 1 }); // half as much again as a body may have
const tally = {};

let ended = false;
const over = () => ended;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A connection; `closed` comes true however it ends. Plain also where the server speaks TLS, if `raw`. */
function connect(kind, raw = false) {
  const options = { port: Number(url.port), host: url.hostname, rejectUnauthorized: false };
  const socket = secure && !raw ? tls.connect(options) : net.connect(options);
  const seen = tally[kind] ??= { began: 0, cut: 0, bytes: 0, answers: {} };
  ++seen.began;
  socket.setNoDelay(true);
  socket.gone = new Promise((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => {
      socket.isGone = true;
      if (!socket.ours) ++seen.cut;
      seen.bytes += socket.bytesWritten ?? 0;
      resolve();
    });
  });
  socket.on('data', (bytes) => {
    for (const [, status] of bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3})/g)) seen.answers[status] = (seen.answers[status] ?? 0) + 1;
  });
  socket.give = (bytes) => new Promise((resolve) => {
    if (socket.isGone || socket.destroyed) return resolve(false);
    socket.write(bytes, () => setImmediate(() => resolve(!socket.isGone))); // all get their turn
    socket.gone.then(() => resolve(false));
  });
  socket.leave = () => {
    socket.ours = true;
    socket.destroy();
  };
  return socket;
}

const kinds = {
  /** A head that comes byte by byte. */
  async loris(socket) {
    await socket.give('GET / HTTP/1.1\r\n' + host + 'X-Slow: ');
    while (!over() && await socket.give('x')) await Promise.race([sleep(50), socket.gone]);
  },
  /** A head without an end. */
  async header(socket) {
    await socket.give('GET / HTTP/1.1\r\n' + host);
    const line = `X-Large: ${'x'.repeat(8000)}\r\n`;
    while (!over() && await socket.give(line));
  },
  /** A chunked body without an end. */
  async chunks(socket) {
    await socket.give('POST /lobby HTTP/1.1\r\n' + host + 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    while (!over() && await socket.give(chunk));
  },
  /** A request, and nothing is sent or read any more. */
  async half(socket) {
    socket.pause();
    await socket.give('GET /lobby/_changes?feed=continuous&include_docs=true&heartbeat=50 HTTP/1.1\r\n' + host + '\r\n');
    socket.end();
    await Promise.race([sleep(2000), socket.gone]);
  },
  /** Many connections that say nothing, and go. */
  async flood(socket) {
    const more = Array.from({ length: floodConnections }, () => connect('flood', true));
    await sleep(500);
    for (const one of more) one.leave();
    socket.leave();
    await Promise.all(more.map((one) => one.gone));
  },
  /** Requests one behind the other, answers are not waited for, and garbage behind them. */
  async garbage(socket) {
    await socket.give(`GET /lobby/large HTTP/1.1\r\n${host}\r\n`.repeat(50));
    await socket.give(Buffer.concat([Buffer.from('GET / HT'), randomBytes(100_000)]));
    await Promise.race([sleep(2000), socket.gone]);
  },
  /** Little that becomes much. */
  async bomb(socket) {
    await socket.give('POST /lobby/_bulk_docs HTTP/1.1\r\n' + host + 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n' +
      `Content-Length: ${bomb.length}\r\n\r\n`);
    await socket.give(bomb);
    await Promise.race([sleep(5000), socket.gone]);
  },
  /** The beginning of a TLS handshake. */
  async hello(socket) {
    await socket.give(Buffer.from('1603010200010001fc0303', 'hex'));
    while (!over() && await socket.give('x')) await Promise.race([sleep(50), socket.gone]);
  },
};

async function live(kind) {
  while (!over()) {
    const socket = connect(kind, kind === 'hello');
    await kinds[kind](socket);
    if (!socket.isGone) await Promise.race([sleep(200), socket.gone]); // what is answered at the end
    if (!socket.isGone) socket.leave();
    await socket.gone;
    await sleep(pauseMs);
  }
}

process.stdin.on('end', () => { ended = true; }).resume();
setInterval(() => console.log(JSON.stringify(tally)), tellEveryMs);
await Promise.all(Object.keys(kinds).flatMap((kind) => Array.from({ length: each }, () => live(kind))));
console.log(JSON.stringify(tally));
process.exit(0);
