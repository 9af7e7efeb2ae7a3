// The pages of Tidings: /inbox, /sent and /admin, one app.

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@tidings/react/styles.css'
import { applyAppearance } from './lib/appearance'
import { Session } from './session/session'
import { Language } from './texts'
import { Root } from './shell/Root'

applyAppearance()
const session = new Session()
void session.start()

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <Language>
      <Root session={session} />
    </Language>
  </StrictMode>,
)
