// graphql-codegen makes types of the schema and of the documents of the caches, and TypeScript
// checks program.ts against them. Prints nothing if everything fits.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codegen } from '@graphql-codegen/core';
import * as operationTypes from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';
import * as documents from '../caches/documents.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const types = await codegen({
  filename: 'types.ts',
  schema: parse(readFileSync(here('../../../schema.graphql'), 'utf8')),
  documents: Object.entries(documents).map(([location, text]) => ({
    location,
    document: parse(text),
  })),
  config: { dedupeOperationSuffix: true, scalars: { DateTime: 'string', JSON: 'unknown' } },
  plugins: [{ operationTypes: {} }],
  pluginMap: { operationTypes },
});

const directory = mkdtempSync(join(tmpdir(), 'tidings-types-'));
writeFileSync(join(directory, 'types.ts'), types);
copyFileSync(here('program.ts'), join(directory, 'program.ts'));
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(typescript), 'bin', 'tsc');
try {
  execFileSync(process.execPath, [tsc, '--strict', '--noEmit', '--target', 'es2022', 'program.ts'], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
} catch {
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
