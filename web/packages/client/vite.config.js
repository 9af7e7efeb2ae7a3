import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    target: 'es2022',
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' },
    rolldownOptions: { external: ['graphql-ws/client'] },
    // Whoever uses it makes it small with the rest of their application.
    minify: false,
    emptyOutDir: false,
    reportCompressedSize: false,
  },
})
