// A client with a normalised cache, which a test controls over stdin and stdout:
//
//   TIDINGS_URL=<url> TIDINGS_TOKEN=<token> node client.mjs <apollo|urql|relay>
//
// `{load}` asks the server for a query of documents.js, through the cache, and `{show}` reads the
// same query from the cache alone; both print what the client would show. `{run}` runs a mutation
// and `{follow}` a subscription. None of the caches is told what an answer changes: they have to
// find it by the ids in it.

import { createInterface } from 'node:readline';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import * as documents from './documents.js';
import { tell } from '../stdio.mjs';

const library = process.argv[2];
const url = process.env.TIDINGS_URL;
const authorization = `Bearer ${process.env.TIDINGS_TOKEN}`;
const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
});

const { connect } = await import(`./${library}.mjs`);
const client = await connect({ url, headers: { authorization }, socket, documents });

/** What was selected: Apollo and urql add `__typename` everywhere, and Relay where it needs it. */
function plain(data) {
  return JSON.parse(JSON.stringify(data ?? null), (key, value) =>
    key.startsWith('__') ? undefined : value,
  );
}

const does = {
  load: async (name, variables) => {
    const { data, errors } = await client.load(name, variables);
    tell('shows', plain(data), errors.map(({ extensions }) => extensions.code));
  },
  show: async (name, variables) => tell('shows', plain(await client.show(name, variables)), []),
  run: async (name, variables) => tell('ran', plain(await client.run(name, variables))),
  follow: (name, variables) => client.follow(name, variables, (data) => tell('heard', plain(data))),
};

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const { what, name, variables } = JSON.parse(line);
  does[what](name, variables);
});
input.on('close', () => process.exit());
