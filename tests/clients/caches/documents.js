// The documents of the caches' tests. One text serves all of them: Apollo and urql parse it,
// Relay's compiler finds it by its tags and names, and graphql-codegen makes types of it.

const graphql = String.raw;

export const Inbox = graphql`
  query documentsInboxQuery($after: String) {
    viewer {
      id
      inbox {
        id
        counts { id active unread unseen unreadByCategory { category count } }
        items(filter: { view: ALL }, first: 20, after: $after) {
          totalCount
          nodes {
            id
            kind
            title
            url
            data
            category
            seenAt
            readAt
            archivedAt
            actions { label url isMain }
            thread { id messageCount unreadCount isMuted }
            about {
              __typename
              ... on Node { id }
              ... on Message { sender { id name } }
            }
          }
        }
      }
    }
  }
`;

export const Follow = graphql`
  subscription documentsFollowSubscription {
    inboxUpdated {
      cursor
      counts { id active unread unseen unreadByCategory { category count } }
      changes {
        type
        itemId
        thread { id messageCount unreadCount isMuted }
        item {
          id
          kind
          title
          url
          data
          category
          seenAt
          readAt
          archivedAt
          actions { label url isMain }
          thread { id messageCount unreadCount isMuted }
          about {
            __typename
            ... on Node { id }
            ... on Message { sender { id name } }
          }
        }
      }
    }
  }
`;

export const MarkThreadRead = graphql`
  mutation documentsMarkThreadReadMutation($rootId: ID!) {
    markThreadRead(input: { rootId: $rootId }) {
      affectedCount
      cursor
      thread { id messageCount unreadCount isMuted }
      inbox { id counts { id active unread unseen unreadByCategory { category count } } }
    }
  }
`;

export const MuteThread = graphql`
  mutation documentsMuteThreadMutation($rootId: ID!) {
    muteThread(input: { rootId: $rootId }) {
      thread { id messageCount unreadCount isMuted }
    }
  }
`;

export const ReadAll = graphql`
  mutation documentsReadAllMutation($filter: BulkFilter!) {
    markAllRead(input: { filter: $filter }) {
      affectedCount
      cursor
      inbox { id counts { id active unread unseen unreadByCategory { category count } } }
    }
  }
`;

export const Undo = graphql`
  mutation documentsUndoMutation($cursor: String!) {
    undo(input: { cursor: $cursor }) {
      affectedCount
      inbox { id counts { id active unread unseen unreadByCategory { category count } } }
    }
  }
`;

export const ReadStats = graphql`
  query documentsReadStatsQuery($id: ID!) {
    announcement(id: $id) {
      id
      readStats { id recipientCount readCount readRate }
    }
  }
`;

export const FollowReadStats = graphql`
  subscription documentsFollowReadStatsSubscription($id: ID!) {
    readStatsUpdated(id: $id) { id recipientCount readCount readRate }
  }
`;
