import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const source = path => fileURLToPath(new URL(`../${path}`, import.meta.url))

// Everything is in it: a page needs one file, and a second one that is loaded with the first text.
export default defineConfig({
  base: './',
  resolve: {
    alias: [
      { find: /^@tidings\/client$/, replacement: source('client/src/index.ts') },
      { find: /^@tidings\/react$/, replacement: source('react/src/index.ts') },
      { find: /^@tidings\/react\/styles\.css/, replacement: source('react/src/styles/index.css') },
    ],
    dedupe: ['react', 'react-dom', 'graphql'],
  },
  build: {
    target: 'es2022',
    modulePreload: false,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: 'src/index.tsx',
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'index.js', chunkFileNames: '[name].js' },
    },
  },
})
