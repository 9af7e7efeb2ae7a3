import { defineConfig } from "vite";

const target = process.env.TIDINGS_URL ?? "http://127.0.0.1:8080";

/**
 * What your own backend does: it gives whoever is signed in a token. This one knows one person, from
 * TIDINGS_TOKEN.
 */
const answer = ({ middlewares }) => {
  middlewares.use("/api/tidings-token", (_request, response) => {
    response.setHeader("cache-control", "no-store");
    response.end(process.env.TIDINGS_TOKEN);
  });
};
const backend = {
  name: "backend",
  configureServer: answer,
  configurePreviewServer: answer,
};
// The API below the application's own address, as a proxy in front of both would have it.
const proxy = { "/graphql": { target, ws: true } };

export default defineConfig({
  plugins: [backend],
  server: { proxy },
  preview: { proxy },
});
