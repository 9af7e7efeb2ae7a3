// A page with a bell in its header, and the whole inbox below:
//
//   TIDINGS_TOKEN=<token> [TIDINGS_URL=http://127.0.0.1:8080] npm run dev

import { useState } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "@tidings/client";
import { Inbox, InboxPopover, TidingsProvider } from "@tidings/react";
import "@tidings/react/styles.css";
import "./page.css";

// One for the page, outside of all components.
const tidings = connect({
  url: "/graphql",
  getToken: async () => {
    const response = await fetch("/api/tidings-token");
    if (!response.ok) throw new Error("nobody is signed in");
    return response.text();
  },
});

function Application() {
  const [isOpen, setOpen] = useState(true);
  return (
    <TidingsProvider client={tidings}>
      <header>
        <h1>My application</h1>
        <InboxPopover onOpenInbox={() => setOpen(true)} />
      </header>
      <main>{isOpen && <Inbox />}</main>
    </TidingsProvider>
  );
}

createRoot(document.getElementById("root")!).render(<Application />);
