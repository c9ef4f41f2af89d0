// `atelier serve` over TLS, from the outside: Node and PouchDB with the certificate as their authority, hosts
// that come by a link with its fingerprint, and what is refused: strangers, plain requests, another server's
// certificate. Certificates are replaced while clients are there.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';

import { freshPouch, makeWorld, pouch, run, serve, start, stop, until } from './harness.mjs';

const PouchDB = pouch();
let world, server, ca;

/** One request; the answer's JSON with its status. Rejects where TLS does. */
function ask(url, { method = 'GET', body, agent, auth, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const text = body && JSON.stringify(body);
    const headers = { ...(text && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }) };
    const request = (url.startsWith('https') ? https : http).request(url, { method, headers, agent: agent ?? false, auth, ...options }, (response) => {
      let received = '';
      response.on('data', (bytes) => { received += bytes; });
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(received) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(text);
  });
}
const profileFile = (profile, name) => path.join(world.env.XDG_DATA_HOME, 'atelier', profile, name);
const admin = (method, target, body) => ask(`${server.url}${target}`, { method, body, ca, auth: `admin:${server.token}` });
const texts = async (which = server, trusted = ca) =>
  JSON.stringify((await ask(`${which.url}/lobby/_all_docs?include_docs=true`, { ca: trusted, auth: `admin:${which.token}` })).body);

before(async () => {
  world = await makeWorld();
  server = await serve(world, { args: ['--tls', '--room', 'lobby'] });
  ca = readFileSync(profileFile('server', 'tls-certificate.pem'));
});
after(() => world.end());

test('the certificate is made once, for its owner alone, and is the one that is shown', async () => {
  const certificate = new X509Certificate(ca);
  assert.ok(server.url.startsWith('https://127.0.0.1:'), server.url);
  assert.equal(JSON.parse(server.child.lines[0]).certificate_sha256, certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.deepEqual(certificate.subjectAltName.split(', ').sort(), ['DNS:localhost', 'IP Address:0:0:0:0:0:0:0:1', 'IP Address:127.0.0.1']);
  assert.ok(Date.parse(certificate.validTo) > Date.now() + 9 * 365 * 86_400_000);
  assert.equal(statSync(profileFile('server', 'tls-key.pem')).mode & 0o777, 0o600);
  await stop(server.child);
  server = await serve(world, { args: ['--tls', '--room', 'lobby'] });
  assert.deepEqual(readFileSync(profileFile('server', 'tls-certificate.pem')), ca);
});

test('who knows the certificate is served, also under its name; strangers and plain requests are not', async () => {
  assert.equal((await ask(`${server.url}/`, { ca })).body.couchdb, 'Welcome');
  assert.equal((await ask(`${server.url.replace('127.0.0.1', 'localhost')}/`, { ca })).status, 200);
  await assert.rejects(ask(`${server.url}/`), /self-signed certificate/);
  const plain = await ask(`${server.url.replace('https', 'http')}/lobby`);
  assert.equal(plain.status, 400);
  assert.match(plain.body.reason, /https:\/\//);
  await assert.rejects(ask(`${server.url}/`, { ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }), /protocol version/);
});

test('PouchDB replicates both ways and stays, over https', async () => {
  const agent = new https.Agent({ ca, keepAlive: true });
  const remote = new PouchDB(`${server.url}/lobby`, { adapter: 'http', fetch: (url, options) => PouchDB.fetch(url, { ...options, agent }) });
  const local = freshPouch(PouchDB);
  const picture = Buffer.alloc(300_000, 'picture ').toString('base64');
  await local.put({ _id: 'message:mine', text: 'from PouchDB', _attachments: { 'a.bin': { content_type: 'image/x', data: picture } } });
  await admin('PUT', '/lobby/message:theirs', { text: 'from the server' });
  await local.sync(remote);
  assert.equal((await local.get('message:theirs')).text, 'from the server');
  assert.equal((await remote.get('message:mine', { attachments: true }))._attachments['a.bin'].data, picture);
  const live = local.sync(remote, { live: true });
  await admin('PUT', '/lobby/message:later', { text: 'while it waits' });
  await until(() => local.get('message:later').catch(() => null), 'what was written while it waits');
  live.cancel();
  await live.catch(() => {});
});

test('a link carries the fingerprint; a host and sync join by it, and nobody else is believed', async () => {
  const invited = await run(world, ['invite', 'lobby', '--profile', 'server', '--name', 'gus', '--expires', '1h']);
  assert.equal(invited.code, 0, invited.err);
  const link = invited.out.trim();
  const sha256 = new X509Certificate(ca).fingerprint256.replaceAll(':', '').toLowerCase();
  assert.match(link, new RegExp(`^${server.url}/lobby#gus:[0-9a-f]{48}:sha256=${sha256}$`));

  const guest = start(world, ['join', link, '--profile', 'guest', '--nick', 'Gus', '--no-window']);
  guest.stdin.write('hello over TLS\n');
  await until(async () => (await texts()).includes('hello over TLS'), `the guest's words: ${guest.notes.join('\n')}`);
  await admin('PUT', '/lobby/message:answer', { type: 'message', text: 'and back', name: 'Ada', at: 1 });
  await stop(guest);

  const once = await run(world, ['sync', 'copy', link, '--profile', 'once']);
  assert.equal(once.code, 0, once.err);
  assert.match((await run(world, ['get', 'copy', 'message:mine', '--profile', 'once'])).out, /from PouchDB/);

  // The same name and secret at a server with another certificate: it is told nothing.
  const other = await serve(world, { profile: 'other', args: ['--tls', '--room', 'lobby'] });
  const otherCa = readFileSync(profileFile('other', 'tls-certificate.pem'));
  const wrong = link.replace(server.url, other.url);
  const refused = await run(world, ['sync', 'copy', wrong, '--profile', 'once']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /the certificate of https:\/\/127\.0\.0\.1:\d+ is not the one that the link names/);
  const lost = start(world, ['join', wrong, '--profile', 'lost', '--nick', 'Lost', '--no-window']);
  lost.stdin.write('a secret for the right server\n');
  await until(() => [...lost.notes, ...lost.lines].some((line) => /^-- Last problem: .*not the one that the link names/.test(line)),
    `a host to say why: ${[...lost.notes, ...lost.lines].join('\n')}`);
  await stop(lost);
  assert.ok(!(await texts(other, otherCa)).includes('a secret'));
  // Without the fingerprint an authority would have to vouch for it, and none does.
  const bare = await run(world, ['sync', 'copy', link.replace(/:sha256=.*/, ''), '--profile', 'once']);
  assert.equal(bare.code, 1);
  assert.match(bare.err, /not to be trusted/);
  const trusted = await run(world, ['sync', 'copy', link.replace(/:sha256=.*/, ''), '--profile', 'once', '--ca-file',
    profileFile('server', 'tls-certificate.pem')]);
  assert.equal(trusted.code, 0, trusted.err);
  const cut = await run(world, ['join', link.slice(0, -1), '--profile', 'guest', '--no-window']);
  assert.equal(cut.code, 1);
  assert.match(cut.err, /no link of an invitation/);
  await stop(other.child);
});

test('a link that is made before the first start carries the fingerprint as well', async () => {
  const open = ['serve', '--profile', 'first', '--port', '0', '--listen', '0.0.0.0', '--tls'];
  const nameless = await run(world, open);
  assert.match(nameless.err, /--host NAME/);
  const lonely = await run(world, [...open, '--host', 'localhost']);
  assert.match(lonely.err, /nobody has an account/);
  assert.equal((await run(world, ['put', 'lobby', '--profile', 'first'], '{"_id":"message:1","text":"den"}\n')).code, 0);
  const invited = await run(world, ['invite', 'lobby', '--profile', 'first', '--url', 'https://localhost:1/']);
  const link = invited.out.trim();
  assert.match(link, /^https:\/\/localhost:1\/lobby#guest-[0-9a-f]+:[0-9a-f]+:sha256=[0-9a-f]{64}$/);
  const proxied = await run(world, ['invite', 'lobby', '--profile', 'first', '--url', 'https://proxy.example', '--without-fingerprint']);
  assert.match(proxied.out, /^https:\/\/proxy\.example\/lobby#guest-[0-9a-f]+:[0-9a-f]+\n$/);
  assert.match(proxied.err, /authority/);

  const wide = start(world, [...open, '--host', 'localhost', '--host', 'unknown.example']);
  await until(() => wide.lines.some((line) => /Ctrl-C/.test(line)), `a server on all addresses: ${wide.notes.join('\n')}`);
  const said = wide.lines.join('\n');
  assert.match(said, /^Serving https:\/\/localhost:\d+ \(to other machines\)$/m);
  assert.ok(said.includes(`SHA-256 ${link.split('=').at(-1).match(/../g).join(':').toUpperCase()}`), said);
  assert.match(said, /It does not name unknown\.example/);
  assert.match(said, /lobby: guest-.* write; nobody without an account/);
  const port = said.match(/localhost:(\d+)/)[1];
  const joined = await run(world, ['sync', 'den', link.replace('localhost:1', `localhost:${port}`), '--profile', 'visitor']);
  assert.equal(joined.code, 0, joined.err);
  assert.match((await run(world, ['get', 'den', 'message:1', '--profile', 'visitor'])).out, /den/);
  await stop(wide);
});

test('new files are shown to new connections; running ones go on; broken ones change nothing', async () => {
  const file = (name) => path.join(world.folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: world.folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  for (const name of ['one', 'two']) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
      '-extfile', 'names', '-out', `${name}.pem`);
  }
  const use = (name) => {
    copyFileSync(file(`${name}.pem`), file('cert.pem'));
    copyFileSync(file(`${name}.key`), file('cert.key'));
  };
  use('one');
  const signed = await serve(world, { profile: 'signed', args: ['--room', 'lobby', '--tls-cert', file('cert.pem'), '--tls-key', file('cert.key')] });
  const authority = readFileSync(file('ca.pem'));
  const port = Number(new URL(signed.url).port);
  const shown = () => new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: authority, ALPNProtocols: ['http/1.1'] }, () => {
      resolve(`${socket.getPeerCertificate().subject.CN} ${socket.alpnProtocol}`);
      socket.end();
    }).on('error', reject);
  });
  assert.equal(await shown(), 'one http/1.1');
  // A link from here names no certificate: authorities vouch for the next one as well.
  const invited = await run(world, ['invite', 'lobby', '--profile', 'signed']);
  assert.doesNotMatch(invited.out, /sha256/);
  const [name, secret] = invited.out.trim().split('#')[1].split(':');

  const lines = [];
  const feed = https.get(`${signed.url}/lobby/_changes?feed=continuous&heartbeat=1000`, { ca: authority, agent: false, auth: `${name}:${secret}` },
    (response) => response.on('data', (bytes) => lines.push(String(bytes))));
  feed.on('error', () => {});
  await until(() => lines.length > 0, 'the feed');
  use('two');
  await until(async () => (await shown()) === 'two http/1.1', 'the new certificate');
  writeFileSync(file('cert.pem'), 'nothing');
  await until(async () => {
    assert.equal(await shown(), 'two http/1.1');
    return signed.child.notes.some((line) => /the last one stays: .*cert\.pem: there is no certificate/.test(line));
  }, 'words about the broken file');
  const put = await ask(`${signed.url}/lobby/message:after`, { method: 'PUT', body: {}, ca: authority, auth: `${name}:${secret}` });
  assert.equal(put.status, 201);
  await until(() => lines.join('').includes('message:after'), 'the change in the feed that began before');
  feed.destroy();
  const half = await run(world, ['serve', '--profile', 'signed2', '--tls-cert', file('cert.pem')]);
  assert.match(half.err, /belong together/);
  const broken = await run(world, ['serve', '--profile', 'signed2', '--port', '0', '--tls-cert', file('cert.pem'), '--tls-key', file('cert.key')]);
  assert.equal(broken.code, 1);
  assert.match(broken.err, /cert\.pem: there is no certificate/);
});
