import { defineConfig } from 'vite'

/** The host's, so that there is one of each. */
const isExternal = name => !name.startsWith('.') && !name.startsWith('/')

export default defineConfig({
  build: {
    target: 'es2022',
    // As a library, so that no helper for preloading is added: the host's bundler adds its own.
    lib: { entry: { index: 'src/index.ts', styles: 'src/styles/index.css' }, formats: ['es'] },
    minify: false,
    cssCodeSplit: true,
    rolldownOptions: {
      external: isExternal,
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        assetFileNames: '[name][extname]',
      },
    },
  },
})
