//! Mutations that many tests send.

/// A message from the caller to one person, as a document without variables.
pub fn message_to(user: &str, subject: &str) -> String {
    format!(
        "mutation {{ createMessage(input: {{
            to: [{{user: {{externalId: \"{user}\"}}}}], subject: \"{subject}\", body: \"\"
         }}) {{ message {{ id }} }} }}"
    )
}

pub const CREATE_MESSAGE: &str = "mutation($input: CreateMessageInput!) {
    createMessage(input: $input) { message { id } } }";

pub const REPLY_TO_MESSAGE: &str = "mutation($input: ReplyToMessageInput!) {
    replyToMessage(input: $input) { message { id } } }";

/// Without a time, the message no longer expires.
pub const SET_EXPIRY: &str = "mutation($id: ID!, $at: DateTime) {
    updateMessage(input: {messageId: $id, expiresAt: $at}) { message { id } } }";

pub const CREATE_ANNOUNCEMENT: &str = "mutation($input: CreateAnnouncementInput!) {
    createAnnouncement(input: $input) { announcement { id } } }";

pub const UPDATE_ANNOUNCEMENT: &str = "mutation($input: UpdateAnnouncementInput!) {
    updateAnnouncement(input: $input) { announcement { id } } }";

pub const RETRACT_ANNOUNCEMENT: &str = "mutation($id: ID!) {
    retractAnnouncement(input: {announcementId: $id}) { announcement { id } } }";

pub const CREATE_ACTIVITIES: &str = "mutation($input: CreateActivitiesInput!) {
    createActivities(input: $input) { activities { id } } }";

pub const RETRACT_ACTIVITY: &str = "mutation($id: ID!) {
    retractActivity(input: {activityId: $id}) { activity { id } } }";

pub const SUBSCRIBE: &str = "mutation($target: TargetRef!, $reason: String!) {
    subscribe(input: {target: $target, reason: $reason}) { subscription { id } } }";

pub const UPDATE_SETTINGS: &str = "mutation($settings: [ActionSettingInput!]!) {
    updateSubscriptionConfig(input: {settings: $settings}) { subscriptionConfig { updatedAt } } }";

pub const UPSERT_USERS: &str = "mutation($users: [UserInput!]!) {
    upsertUsers(input: {users: $users}) { users { id } } }";

pub const UPDATE_MESSAGE: &str = "mutation($input: UpdateMessageInput!) {
    updateMessage(input: $input) { message { id } } }";

pub const CANCEL_MESSAGE: &str = "mutation($input: CancelMessageInput!) {
    cancelMessage(input: $input) { messageId } }";

pub const ERASE_USER: &str = "mutation($input: EraseUserInput!) {
    eraseUser(input: $input) { isComplete user { id name externalId erasedAt } } }";
