// Relay: its compiler, which refuses documents that do not fit the schema, and its store.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import compiler from 'relay-compiler';
import relay from 'relay-runtime';

const { Environment, Network, Observable, RecordSource, Store } = relay;
const { commitMutation, createOperationDescriptor, getRequest } = relay;
const { fetchQuery, requestSubscription } = relay;

/** What the compiler makes of documents.js, by the names there. */
async function compiled(documents) {
  const directory = mkdtempSync(join(tmpdir(), 'tidings-relay-'));
  const here = (path) => fileURLToPath(new URL(path, import.meta.url));
  try {
    copyFileSync(here('../../../schema.graphql'), join(directory, 'schema.graphql'));
    copyFileSync(here('documents.js'), join(directory, 'documents.js'));
    writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
    const config = { src: '.', schema: 'schema.graphql', language: 'javascript' };
    config.eagerEsModules = true;
    writeFileSync(join(directory, 'relay.config.json'), JSON.stringify(config));
    execFileSync(compiler, ['relay.config.json'], { cwd: directory, stdio: 'pipe' });
    const requests = {};
    for (const [name, text] of Object.entries(documents)) {
      const operation = /\w+ (\w+)/.exec(text)[1];
      const artifact = join(directory, '__generated__', `${operation}.graphql.js`);
      requests[name] = (await import(pathToFileURL(artifact))).default;
    }
    return requests;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function connect({ url, headers, socket, documents }) {
  const requests = await compiled(documents);
  let errors = [];
  const ask = async ({ text: query }, variables) => {
    const body = JSON.stringify({ query, variables });
    const json = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers: { ...headers, ...json }, body });
    const answer = await response.json();
    errors = answer.errors ?? [];
    return answer;
  };
  const follow = ({ text: query }, variables) =>
    Observable.create((sink) => socket.subscribe({ query, variables }, sink));
  const environment = new Environment({
    network: Network.create(ask, follow),
    store: new Store(new RecordSource()),
  });
  const described = (name, variables = {}) =>
    createOperationDescriptor(getRequest(requests[name]), variables);
  const show = (name, variables) => {
    const { data, isMissingData } = environment.lookup(described(name, variables).fragment);
    if (isMissingData) throw new Error(`${name} is not in the store`);
    return data;
  };
  return {
    load: async (name, variables = {}) => {
      // Without it, the store would let the records go.
      environment.retain(described(name, variables));
      await fetchQuery(environment, requests[name], variables).toPromise();
      return { data: show(name, variables), errors };
    },
    show,
    run: (name, variables) =>
      new Promise((onCompleted, onError) => {
        commitMutation(environment, { mutation: requests[name], variables, onCompleted, onError });
      }),
    follow: (name, variables = {}, onNext) =>
      requestSubscription(environment, {
        subscription: requests[name],
        variables,
        onNext,
        onError: (error) => {
          throw error;
        },
      }),
  };
}
