// Sends a query twice through the persisted-query links of Apollo and urql: the first time, the
// server does not know it.
//
//   TIDINGS_URL=<url> TIDINGS_TOKEN=<token> node known-documents.mjs <library> <method>

import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { tell } from './stdio.mjs';

const [library, method] = process.argv.slice(2);
const url = process.env.TIDINGS_URL;
const headers = { authorization: `Bearer ${process.env.TIDINGS_TOKEN}` };

async function telling(input, init) {
  const response = await fetch(input, init);
  tell(init.method ?? 'GET', response.status);
  return response;
}

const ask = {
  apollo() {
    const sha256 = (text) => createHash('sha256').update(text).digest('hex');
    const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries: method === 'GET' });
    const link = ApolloLink.from([persisted, new HttpLink({ uri: url, headers, fetch: telling })]);
    const client = new ApolloClient({ cache: new InMemoryCache(), link });
    return (query) => client.query({ query: gql(query), fetchPolicy: 'network-only' });
  },
  urql() {
    const persisted = persistedExchange({ preferGetForPersistedQueries: method === 'GET' });
    const exchanges = [persisted, fetchExchange];
    const client = new Client({ url, fetchOptions: { headers }, fetch: telling, exchanges });
    return (query) => client.query(query, {});
  },
}[library]();

for (let time = 1; time <= 2; time++) {
  const { data, error } = await ask(`query By_${library}_${method} { viewer { id name } }`);
  tell('answer', error?.message ?? data.viewer.name);
}
process.exit();
