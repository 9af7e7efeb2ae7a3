// GraphiQL, as the server serves it at /graphiql: everything in it comes from the server itself.

import { GraphiQL } from 'graphiql'
import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import { createRoot } from 'react-dom/client'
import { SignedInAs } from './SignedInAs'
import { demoUsers } from './demo'
import { fetcher } from './fetcher'
import { signInAgain } from './identity'
import './page.css'
import { TABS } from './tabs'

const users = await demoUsers()
signInAgain(users)

createRoot(document.getElementById('root')!).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={TABS}
    // Without a demo, the first thing to do is to enter a token.
    defaultEditorToolsVisibility={users.length > 0 ? 'variables' : 'headers'}
    // A token is not left behind in the storage.
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>
      <SignedInAs users={users} />
      <span className="title">Tidings</span>
    </GraphiQL.Logo>
  </GraphiQL>,
)
