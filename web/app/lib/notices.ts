// Short words at the edge of the page: sent, saved, cancelled.

import { createContext, use } from 'react'
import { Toasts } from '@tidings/react'

export const NoticesContext = createContext(new Toasts())

export const useNotices = () => use(NoticesContext)
