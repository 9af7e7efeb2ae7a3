// The audits of graphql-http, which are the GraphQL over HTTP specification as tests: a line of
// JSON for each, and exit code 1 if a MUST or a SHOULD fails.
//
//   TIDINGS_TOKEN=<token> node audit.mjs <url>
//
// Some ask for the schema, which a server may show only to who has a token.

import { serverAudits } from 'graphql-http';

const authorization = `Bearer ${process.env.TIDINGS_TOKEN}`;
const signedIn = (url, init) =>
  fetch(url, { ...init, headers: { ...init?.headers, authorization } });

for (const { fn } of serverAudits({ url: process.argv[2], fetchFn: signedIn })) {
  const { id, name, status, reason, response } = await fn();
  console.log(JSON.stringify({ id, name, status, reason, answered: response?.status }));
  if (status === 'error' || status === 'warn') process.exitCode = 1;
}
