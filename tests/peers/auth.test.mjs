// Every way to prove who we are, over TLS with a CA of this test's own and through a proxy; and no secret in
// anything that `atelier` says. The servers are stand-ins on loopback in front of `atelier serve`: they
// check what they are shown, and pass it on as the administrator.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { makeWorld, run, serve, start, stop, until } from './harness.mjs';

const password = 'sesame&plus+more', apiKey = 'key+of/the=cloud', bearer = 'bearer-of-good-news';
const secrets = [password, apiKey, bearer, encodeURIComponent(password), encodeURIComponent(apiKey),
  Buffer.from(`ada:${password}`).toString('base64'), 'token-number-', 'session-number-'];
let world, server, ca, tls;
const said = []; // everything that the program printed in this test

before(async () => {
  world = await makeWorld();
  server = await serve(world, { args: ['--room', 'room'] });
  const file = (name) => path.join(world.folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: world.folder, stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost',
    '-keyout', 'host.key', '-out', 'host.csr');
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost,DNS:couch.test\n');
  openssl('x509', '-req', '-in', 'host.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
    '-extfile', 'names', '-out', 'host.pem');
  ca = file('ca.pem');
  tls = { key: readFileSync(file('host.key')), cert: readFileSync(file('host.pem')) };
});
after(() => world.end());

/** A server that lets `check(request, response)` decide; what it lets through goes to `atelier serve`. */
async function standIn(check, secure = true) {
  const handler = (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
      const body = Buffer.concat(chunks);
      if (check(request, response, body.toString())) return;
      const target = new URL(server.url + request.url);
      const headers = { ...request.headers, host: target.host,
        authorization: `Basic ${Buffer.from(`admin:${server.token}`).toString('base64')}` };
      delete headers.cookie;
      const onward = http.request(target, { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    });
  };
  const listener = secure ? https.createServer(tls, handler) : http.createServer(handler);
  await new Promise((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
  const { port } = listener.address();
  return { port, url: `${secure ? 'https' : 'http'}://localhost:${port}`,
    end: () => { listener.closeAllConnections?.(); listener.close(); } };
}

function refuse(response, status, reason) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: 'refused', reason }));
  return true;
}

const secretFile = (text) => {
  const file = path.join(world.folder, `secret-${said.length}`);
  writeFileSync(file, text);
  return file;
};

async function sync(room, url, ...args) {
  const result = await run(world, ['sync', room, url, '--json', ...args]);
  said.push(result.out, result.err);
  return result;
}

async function put(room) {
  const result = await run(world, ['put', room], `{"_id":"message:of-${room}"}\n`);
  assert.equal(result.code, 0, result.err);
}

const arrived = async (id) => (await fetch(`${server.url}/room/${encodeURIComponent(id)}`)).status === 200;

test('a certificate of an own CA is taken with --ca-file and refused without', async () => {
  const secure = await standIn((request, response) =>
    request.headers.authorization !== `Basic ${secrets[5]}` && refuse(response, 401, `not ${password}`));
  await put('tls');
  const url = `${secure.url.replace('://', '://ada@')}/room`;
  const stranger = await sync('tls', url, '--password-file', secretFile(password));
  assert.equal(stranger.code, 1);
  assert.match(stranger.err, /certificate/);
  const known = await sync('tls', url, '--password-file', secretFile(password), '--ca-file', ca);
  assert.equal(known.code, 0, known.err);
  assert.ok(await arrived('message:of-tls'));
  const wrong = await sync('tls', `${secure.url.replace('://', `://bob:${encodeURIComponent(password)}@`)}/room`, '--ca-file', ca);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /401/);
  secure.end();
});

test('an API key is exchanged for a token, and again when the token is refused', async () => {
  let tokens = 0, exchanges = 0, used = 0;
  const secure = await standIn((request, response, body) => {
    if (request.url === '/identity/token') {
      ++exchanges;
      const form = new URLSearchParams(body);
      if (form.get('grant_type') !== 'urn:ibm:params:oauth:grant-type:apikey' || form.get('apikey') !== apiKey) {
        response.writeHead(400, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ errorCode: 'BXNIM0415E', errorMessage: `no such key: ${form.get('apikey')}` }));
        return true;
      }
      response.end(JSON.stringify({ access_token: `token-number-${++tokens}`, expires_in: 3600, token_type: 'Bearer' }));
      return true;
    }
    if (request.headers.authorization !== `Bearer token-number-${tokens}`) return refuse(response, 401, 'token expired');
    if (++used === 4) ++tokens; // the token ends in the middle
    return false;
  });
  await put('iam');
  const args = ['--auth', 'iam', '--token-url', `${secure.url}/identity/token`, '--ca-file', ca];
  const good = await sync('iam', `${secure.url}/room`, ...args, '--password-file', secretFile(apiKey));
  assert.equal(good.code, 0, good.err);
  assert.ok(await arrived('message:of-iam'));
  assert.equal(exchanges, 2);
  const bad = await sync('iam', `${secure.url}/room`, ...args, '--password-file', secretFile(`${apiKey}-wrong`));
  assert.equal(bad.code, 1);
  assert.match(bad.err, /API key/);
  secure.end();
});

test('a session is opened once and renewed when it expires', async () => {
  let sessions = 0, used = 0;
  const secure = await standIn((request, response, body) => {
    if (request.url === '/_session') {
      const form = new URLSearchParams(body);
      if (form.get('name') !== 'ada' || form.get('password') !== password) return refuse(response, 401, 'wrong');
      response.setHeader('Set-Cookie', `AuthSession=session-number-${++sessions}; Path=/; HttpOnly`);
      response.end('{"ok":true}');
      return true;
    }
    if (request.headers.cookie !== `AuthSession=session-number-${sessions}`) return refuse(response, 401, 'expired');
    if (++used === 4) ++sessions;
    return false;
  });
  await put('cookie');
  const synced = await sync('cookie', `${secure.url.replace('://', '://ada@')}/room`, '--auth', 'cookie', '--ca-file', ca,
    '--password-file', secretFile(password));
  assert.equal(synced.code, 0, synced.err);
  assert.equal(sessions, 3); // the first, its end, the second
  assert.ok(await arrived('message:of-cookie'));
  secure.end();
});

test('a bearer token comes from the environment', async () => {
  const secure = await standIn((request, response) =>
    request.headers.authorization !== `Bearer ${bearer}` && refuse(response, 401, 'who?'));
  await put('bearer');
  world.env.ATELIER_TOKEN = bearer;
  const synced = await sync('bearer', `${secure.url}/room`, '--auth', 'bearer', '--ca-file', ca);
  delete world.env.ATELIER_TOKEN;
  assert.equal(synced.code, 0, synced.err);
  assert.ok(await arrived('message:of-bearer'));
  secure.end();
});

test('the proxy of the environment is used, also for TLS, and no_proxy goes past it', async () => {
  const plain = await standIn(() => false, false);
  const secure = await standIn(() => false);
  let asked = 0, tunnels = 0;
  const proxy = http.createServer((request, response) => {
    ++asked;
    const url = new URL(request.url);
    assert.equal(url.hostname, 'couch.test');
    const onward = http.request({ host: '127.0.0.1', port: plain.port, path: url.pathname + url.search, method: request.method,
      headers: request.headers }, (answer) => { response.writeHead(answer.statusCode, answer.headers); answer.pipe(response); });
    request.pipe(onward);
  });
  proxy.on('connect', (request, socket) => {
    ++tunnels;
    const onward = net.connect(secure.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  world.env.http_proxy = world.env.https_proxy = `http://127.0.0.1:${proxy.address().port}`;
  await put('proxy');
  const through = await sync('proxy', 'http://couch.test/room');
  assert.equal(through.code, 0, through.err);
  assert.ok(asked > 0);
  assert.ok(await arrived('message:of-proxy'));
  const tunnelled = await sync('tunnel', 'https://couch.test/room', '--ca-file', ca);
  assert.equal(tunnelled.code, 0, tunnelled.err);
  assert.ok(tunnels > 0);
  world.env.no_proxy = '.test';
  const past = await sync('proxy', 'http://couch.test/room');
  assert.equal(past.code, 1); // there is no such host
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) delete world.env[name];
  proxy.closeAllConnections?.();
  proxy.close();
  plain.end();
  secure.end();
});

test('a password on the command line is hidden there, and no output holds any secret', async () => {
  const secure = await standIn((request, response) =>
    request.headers.authorization !== `Basic ${secrets[5]}` && refuse(response, 401, `not ${request.headers.authorization}`));
  const live = start(world, ['sync', 'argv', `${secure.url.replace('://', `://ada:${encodeURIComponent(password)}@`)}/room`, '--live',
    '--json', '--ca-file', ca]);
  await until(() => live.lines.some((line) => line.includes('"state":"live"')), 'live sync');
  const words = readFileSync(`/proc/${live.pid}/cmdline`, 'utf8');
  const status = await run(world, ['sync', 'argv', '--status', '--json']);
  assert.equal(JSON.parse(status.out).state, 'live', status.err);
  const plain = await run(world, ['sync', 'argv', '--status']);
  await stop(live);
  secure.end();
  said.push(words, status.out, status.err, plain.out, plain.err, live.lines.join('\n'), live.notes.join('\n'));
  for (const text of said) for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
});
