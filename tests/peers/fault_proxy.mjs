// A proxy on loopback that does to connections what networks do. Everything goes through it unchanged until
// `mode` says otherwise; a mode holds for connections that are open as well as for new ones.
import { connect, createServer } from 'node:net';

/** Numbers from 0 to below 1 that a seed repeats (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const modes = {
  clean: {},
  slow: { delayMs: 150 },                // each piece of either direction
  drip: { pieceBytes: 64, delayMs: 2 },  // a few bytes at a time
  cut: { cutAfterBytes: 700 },           // of the answers of one connection, then a reset
  refuse: { refuse: true },              // connections are reset at once, open ones too
  silent: { silent: true },              // half-open: nothing arrives any more, and nobody is told
  garbage: { garbage: 0.5 },             // half of the pieces of answers are random bytes
};

export async function faultProxy(target, seed = 1) {
  const { hostname, port, username, password, pathname } = new URL(target);
  const random = seeded(seed);
  const open = new Set();
  let mode = modes.clean;
  let faults = 0;

  function pass(from, to, answers) {
    let sent = 0;
    let last = Promise.resolve(); // pieces stay in order
    const write = (piece) => {
      if (mode.silent || to.destroyed) return;
      sent += piece.length;
      to.write(piece);
      if (answers && mode.cutAfterBytes && sent > mode.cutAfterBytes) {
        faults += 1;
        from.resetAndDestroy();
        to.resetAndDestroy();
      }
    };
    from.on('data', (bytes) => {
      if (mode.silent) faults += 1;
      let whole = bytes;
      if (answers && mode.garbage && random() < mode.garbage) {
        faults += 1;
        whole = Buffer.from(bytes.map(() => Math.floor(random() * 256)));
      }
      const size = mode.pieceBytes ?? whole.length;
      for (let at = 0; at < whole.length; at += size) {
        const piece = whole.subarray(at, at + size);
        const delay = mode.delayMs;
        if (delay) faults += 1;
        last = last.then(() => (delay ? new Promise((resolve) => setTimeout(resolve, delay)) : undefined)).then(() => write(piece));
      }
    });
    from.on('end', () => last.then(() => { if (!mode.silent) to.end(); }));
    from.on('error', () => to.destroy());
    from.on('close', () => last.then(() => to.destroy()));
  }

  const server = createServer((client) => {
    if (mode.refuse) {
      faults += 1;
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    pass(client, upstream, false);
    pass(upstream, client, true);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const here = `127.0.0.1:${server.address().port}`;
  return {
    url: `http://${here}${pathname === '/' ? '' : pathname}`,
    admin: username ? `http://${username}:${password}@${here}` : undefined,
    set(name) {
      mode = modes[name];
      if (mode.refuse) for (const socket of open) socket.resetAndDestroy();
    },
    /** As when a router forgets: whoever waits on an old connection learns that it is gone. */
    reset() {
      for (const socket of open) socket.resetAndDestroy();
    },
    /** How many pieces and connections were disturbed. */
    faults: () => faults,
    end() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
