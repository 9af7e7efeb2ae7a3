// A page with the inbox as an element:
//
//   TIDINGS_TOKEN=<token> [TIDINGS_URL=http://127.0.0.1:8080] npm run dev

import "@tidings/element";

const inbox = document.querySelector("tidings-inbox");
const count = document.querySelector("output");

inbox.addEventListener("countchange", ({ detail }) => {
  count.textContent = `${detail.unread} unread`;
});
// An item that is about something of this application is shown by it.
inbox.addEventListener("itemclick", (event) => {
  if (!event.detail.url?.startsWith("/")) return;
  event.preventDefault();
  window.location.assign(event.detail.url);
});
inbox.getToken = async () => {
  const response = await fetch("/api/tidings-token");
  if (!response.ok) throw new Error("nobody is signed in");
  return response.text();
};
