import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { defineConfig } from 'vite'

const SERVER = 'http://127.0.0.1:8080'
/** Less than this is one packet, compressed or not. */
const SMALL_BYTES = 1400

/** Puts a compressed file beside each one: the server has no work with it, and the binary carries both. */
const compress = {
  name: 'compress',
  apply: 'build',
  // Not before: Vite still completes what is in the bundle.
  writeBundle({ dir }, bundle) {
    for (const file of Object.keys(bundle).map(name => join(dir, name))) {
      const content = readFileSync(file)
      if (content.length >= SMALL_BYTES)
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }))
      // That of an earlier build would be served with the names of its files.
      else rmSync(`${file}.gz`, { force: true })
    }
  },
}

/** The source of a package of this repository. */
const source = path => fileURLToPath(new URL(`packages/${path}`, import.meta.url))

const MAIN = fileURLToPath(new URL('app/main.tsx', import.meta.url))
const GRAPHIQL = fileURLToPath(new URL('graphiql/main.tsx', import.meta.url))

/** What a script needs before it begins. */
function needsOf(id, context, found = new Set()) {
  if (found.has(id)) return found
  found.add(id)
  // A copy: what the context gives is used again by the next call.
  const imported = [...(context.getModuleInfo(id)?.importedIds ?? [])]
  for (const one of imported) needsOf(one, context, found)
  return found
}

let first
/**
 * All that the pages load first is one file: with one for each set of modules that the parts share
 * which are loaded later, it would be twenty, each compressed by itself. What GraphiQL needs, too,
 * stays apart.
 */
function chunkOf(id, context) {
  first ??= { all: needsOf(MAIN, context), shared: needsOf(GRAPHIQL, context) }
  return first.all.has(id) && !first.shared.has(id) ? 'app' : null
}

export default defineConfig({
  resolve: {
    // The pages use the packages' sources, not what was built of them.
    alias: [
      { find: /^@tidings\/client$/, replacement: source('client/src/index.ts') },
      { find: /^@tidings\/react$/, replacement: source('react/src/index.ts') },
      { find: /^@tidings\/react\/styles\.css$/, replacement: source('react/src/styles/index.css') },
      { find: /^@tidings\/element$/, replacement: source('element/src/index.tsx') },
    ],
    // Each of them would otherwise bring its own.
    dedupe: ['react', 'react-dom', 'graphql'],
  },
  // Relative, so that a proxy may put the server below a path.
  base: './',
  plugins: [compress],
  build: {
    target: 'es2022',
    // It holds the directory's own .gitignore; `npm run build` removes the rest.
    emptyOutDir: false,
    rolldownOptions: {
      input: ['graphiql.html', 'index.html'],
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [{ name: chunkOf, debugName: 'app' }],
        },
      },
      // "use client" means nothing here, and stands in a hundred files of the libraries.
      checks: { moduleLevelDirective: false },
    },
    // Most of the libraries ask that their licences go with them.
    license: { fileName: 'licenses.md' },
    // Monaco, the editor, is one piece of 2 MB, which is loaded when the page is there.
    chunkSizeWarningLimit: 2500,
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  // Vite bundles libraries ahead for `npm run dev`, and cannot do so with workers.
  optimizeDeps: { exclude: ['graphiql/setup-workers/vite', '@graphiql/react/setup-workers/vite'] },
  // `npm run dev` shows the pages as they are edited, over a server that runs beside it.
  server: {
    proxy: {
      '/graphql': { target: SERVER, ws: true },
      '/demo': SERVER,
      '/favicon.svg': SERVER,
      '/web': SERVER,
    },
  },
})
