//! Read-rate reports (M9, X6): a row for each message and address, with the counts on the address
//! itself. No report reads recipients, however many there are; only `timeline` does, for one
//! message.
//!
//! - `timeline`: when people read. `follow`: how far a message has been read, live. `csv`: the
//!   report as a file.

mod csv;
mod follow;
mod timeline;

use ::entity::{
    group,
    id::{AudienceId, GroupId, MessageId, UserId},
    message,
    message::Reader,
    message_audience, user,
};
use async_graphql::{Enum, ID, InputObject};
use chrono::{DateTime, Utc};

use crate::{
    app::App,
    auth::Actor,
    clock,
    config::ReadingDetails,
    db::{Sql, from_json},
    error::{Error, Result, known},
    id,
    inbox::Columns,
    messages::AudienceRef,
    page::{Page, Slice},
    people::{
        groups,
        users::{self, UserRef},
    },
};

pub use csv::lines;
pub use follow::follow;
pub use timeline::{Interval, MOST_POINTS, Point, timeline};

/// Orders by rate sort at most this many rows: the rate changes with every reading, and an index on
/// it would slow all of them down.
const MOST_BY_RATE: usize = 10_000;
/// A rate as a whole number, so that a cursor can hold it.
const RATE: &str = "CAST(a.read_count AS bigint) * 1000000000 \
    / CASE WHEN a.recipient_count > 1 THEN a.recipient_count ELSE 1 END";

/// What is read of a message for a row that is only listed; `graphql::messages::reports` knows the
/// fields that need no more.
const LISTED_OF_MESSAGES: [&str; 9] = [
    "id",
    "sender_id",
    "subject",
    "recipient_count",
    "seen_count",
    "read_count",
    "first_read_at",
    "last_read_at",
    "created_at",
];

/// The sort key of a report: the number of the message or the rate, and the address.
pub type Key = (i64, AudienceId);

/// Which rows to include in a report.
#[derive(InputObject, Clone, Debug, Default)]
pub struct ReadReportFilter {
    /// Only messages from this person. (Everyone but ADMIN sees only their own in any case.)
    pub sender: Option<UserRef>,
    /// Only this message.
    pub message_id: Option<ID>,
    /// Only messages to this person or group.
    pub sent_to: Option<AudienceRef>,
    /// Only messages sent at this time or later.
    pub sent_from: Option<DateTime<Utc>>,
    /// Only messages sent before this time.
    pub sent_before: Option<DateTime<Utc>>,
    /// Only messages that at most this fraction of the recipients have read, between 0 and 1.
    pub max_read_rate: Option<f64>,
    /// Only replies (true), or only messages that start a thread (false).
    pub is_reply: Option<bool>,
}

impl ReadReportFilter {
    /// Whether a page of the newest or oldest rows reads little more than it shows: the rows are
    /// found by an index, and none is passed over.
    fn is_quick(&self) -> bool {
        let ReadReportFilter { sent_to, sent_from, sent_before, .. } = self;
        let by_time = sent_from.is_some() || sent_before.is_some();
        let by_state = self.max_read_rate.is_some() || self.is_reply.is_some();
        !by_time && !by_state && sent_to.is_none()
    }
}

/// The order of a report's rows.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadReportOrder {
    /// Newest message first.
    #[default]
    NewestFirst,
    /// Oldest message first.
    OldestFirst,
    /// Lowest read rate first, among the 10 000 newest rows.
    LowestRateFirst,
    /// Highest read rate first, among the 10 000 newest rows.
    HighestRateFirst,
}

/// One of the people or groups that a message was addressed to.
#[derive(Clone, Debug)]
pub struct Row {
    pub key: Key,
    pub audience: message_audience::Model,
    pub user: Option<user::Model>,
    pub group: Option<group::Model>,
    pub message: message::Model,
}

/// A page of the report on what the actor sent; on everything for an admin, and on what the system
/// sent for a service.
pub async fn page(
    app: &App,
    actor: &Actor,
    filter: &ReadReportFilter,
    order: ReadReportOrder,
    page: &Page<Key>,
    columns: Columns,
) -> Result<Slice<Row>> {
    // The keys are part of a larger text: [`rows`] writes it.
    let mut sql = app.db.sql("reports::page");
    let conditions = conditions(app, actor, filter, &mut sql).await?;
    let by_rate =
        matches!(order, ReadReportOrder::LowestRateFirst | ReadReportOrder::HighestRateFirst);
    let descending =
        matches!(order, ReadReportOrder::NewestFirst | ReadReportOrder::HighestRateFirst);
    // A report on one sender is ordered by sender first, which changes nothing but the plan: ordered
    // by message alone, PostgreSQL may walk through everybody's messages to find a few.
    let is_of_one = !matches!(actor.reader(), Reader::Everything) || filter.sender.is_some();
    let by_sender = |direction: &str| match is_of_one {
        true => format!("m.sender_id {direction}, "),
        false => String::new(),
    };
    let found = "message AS m JOIN message_audience AS a ON a.message_id = m.id";
    let (source, first, second) = match by_rate {
        false => (format!("{found} WHERE {conditions}"), "m.id", "a.id"),
        true => (
            format!(
                "(SELECT {RATE} AS rate, a.id FROM {found} WHERE {conditions} \
                 ORDER BY {}m.id DESC, a.id DESC LIMIT {MOST_BY_RATE}) AS a WHERE true",
                by_sender("DESC")
            ),
            "a.rate",
            "a.id",
        ),
    };
    let mut seek = String::new();
    for (key, sign) in [
        (&page.after, if descending { "<" } else { ">" }),
        (&page.before, if descending { ">" } else { "<" }),
    ] {
        if let Some((one, two)) = key {
            let (one, two) = (sql.bind(*one), sql.bind(*two));
            // The first part is repeated by itself: no index is used for two tables together.
            seek += &format!(
                " AND {first} {sign}= {one} AND ({first}, {second}) {sign} ({one}, {two})"
            );
        }
    }
    let direction = if descending == page.backwards { "ASC" } else { "DESC" };
    let limit = sql.bind(page.limit as i64 + 1);
    let sender = if by_rate { String::new() } else { by_sender(direction) };
    let keys = format!(
        "SELECT CAST({first} AS bigint) AS place, {second} AS audience FROM {source}{seek} \
         ORDER BY {sender}{first} {direction}, {second} {direction} LIMIT {limit}"
    );
    let is_quick = !by_rate && filter.is_quick();
    let mut rows = rows(app, sql, &keys, columns, is_quick).await?;
    // The statement chooses the rows; the order in which a join returns them is its own.
    rows.sort_by_key(|row| row.key);
    if descending != page.backwards {
        rows.reverse();
    }
    Ok(page.slice(rows))
}

/// The rows of some addresses that a reader may see.
pub async fn visible_to(app: &App, reader: Reader, audiences: &[AudienceId]) -> Result<Vec<Row>> {
    let mut sql = app.db.sql("reports::visible_to");
    let wanted = sql.integer_table(["id"], audiences.iter().map(|id| [id.0]));
    let keys = format!("SELECT CAST(0 AS bigint) AS place, id AS audience FROM {wanted} AS w");
    let mut rows = rows(app, sql, &keys, Columns::All, true).await?;
    rows.retain(|row| {
        row.message.send_at.is_none()
            && match reader {
                Reader::Everything => true,
                Reader::User(user) => row.message.sender_id == Some(user),
                Reader::System => row.message.sender_id.is_none(),
            }
    });
    Ok(rows)
}

/// Whether the actor may know who has read and when; otherwise only how many.
pub fn may_see_names(app: &App, actor: &Actor) -> bool {
    actor.is_admin() || app.config.reading_details == ReadingDetails::Names
}

/// Whether the times of reading may be known, too. Those of a single recipient say who has read.
pub fn may_see_times(with_names: bool, recipients: i32) -> bool {
    with_names || recipients > 1
}

/// The rows with the given keys, in one statement and as one text, as for a page of an inbox. The
/// bodies of the messages are left empty: together they can be large. Those that are only listed
/// have no person or group either, and of a message only what [`LISTED_OF_MESSAGES`] says.
async fn rows(
    app: &App,
    sql: Sql,
    keys: &str,
    columns: Columns,
    is_quick: bool,
) -> Result<Vec<Row>> {
    type Pieces =
        (i64, message_audience::Model, Option<user::Model>, Option<group::Model>, message::Model);
    let dialect = app.db.dialect();
    let left_out = |column: &str| match column {
        "body" => Some("''".to_owned()),
        _ if columns == Columns::All || LISTED_OF_MESSAGES.contains(&column) => None,
        _ => Some("NULL".to_owned()),
    };
    let (to_whom, joined) = match columns {
        Columns::Listed => ("NULL, NULL".to_owned(), ""),
        Columns::All => (
            format!(
                "{}, {}",
                dialect.json_row::<user::Entity>("u"),
                dialect.json_row::<group::Entity>("g")
            ),
            "LEFT JOIN user_account AS u ON u.id = a.user_id \
             LEFT JOIN user_group AS g ON g.id = a.group_id",
        ),
    };
    let pieces = dialect.json_array(&format!(
        "k.place, {}, {to_whom}, {}",
        dialect.json_row::<message_audience::Entity>("a"),
        dialect.json_row_with::<message::Entity>("m", left_out),
    ));
    let select = format!(
        "SELECT {} FROM ({keys}) AS k JOIN message_audience AS a ON a.id = k.audience \
         JOIN message AS m ON m.id = a.message_id {joined}",
        dialect.json_list(&pieces)
    );
    let [found] = match is_quick {
        true => app.db.ask(sql, [select]).await?,
        false => app.db.ask_alone(sql, [select]).await?,
    };
    let found: Vec<Pieces> = from_json(found).await?;
    let row = |(place, audience, user, group, message): Pieces| Row {
        key: (place, audience.id),
        audience,
        user,
        group,
        message,
    };
    Ok(found.into_iter().map(row).collect())
}

/// The conditions on a message `m` and its address `a`. Anyone named who does not exist has sent
/// and received nothing.
async fn conditions(
    app: &App,
    actor: &Actor,
    filter: &ReadReportFilter,
    sql: &mut Sql,
) -> Result<String> {
    let mut all = vec![match actor.reader() {
        Reader::Everything => "m.send_at IS NULL".to_owned(),
        Reader::User(user) => format!("m.send_at IS NULL AND {}", is_sent_by(sql, user)),
        Reader::System => "m.send_at IS NULL AND m.sender_id IS NULL".to_owned(),
    }];
    if let Some(sender) = &filter.sender {
        let sender = person(app, sender).await?;
        all.push(is_sent_by(sql, sender));
    }
    if let Some(message) = &filter.message_id {
        all.push(format!("m.id = {}", sql.bind(id::decode(message).unwrap_or(MessageId(0)))));
    }
    match &filter.sent_to {
        None => {}
        Some(AudienceRef::User(user)) => {
            all.push(format!("a.user_id = {}", sql.bind(person(app, user).await?)))
        }
        Some(AudienceRef::Group(group)) => {
            let group = known(groups::find(app.db.read(), group).await)?;
            let group = group.map_or(GroupId(0), |group| group.id);
            all.push(format!("a.group_id = {}", sql.bind(group)));
        }
    }
    for (field, time, sign) in
        [("sentFrom", filter.sent_from, ">="), ("sentBefore", filter.sent_before, "<")]
    {
        if let Some(time) = time {
            all.push(format!(
                "m.created_at {sign} {}",
                sql.bind(clock::given(&format!("filter.{field}"), time)?)
            ));
        }
    }
    if let Some(rate) = filter.max_read_rate {
        if !(0.0..=1.0).contains(&rate) {
            return Err(Error::invalid("filter.maxReadRate", "must be between 0 and 1"));
        }
        // A division, not a product: 29 of 100 is 0.29, and 0.29 times 100 is slightly less than
        // 29.
        let read = "CAST(a.read_count AS double precision) \
                    / CASE WHEN a.recipient_count > 1 THEN a.recipient_count ELSE 1 END";
        all.push(format!("{read} <= {}", sql.bind(rate)));
    }
    match filter.is_reply {
        Some(true) => all.push("m.parent_id IS NOT NULL".to_owned()),
        Some(false) => all.push("m.parent_id IS NULL".to_owned()),
        None => {}
    }
    Ok(all.join(" AND "))
}

/// As a range: after an equality, PostgreSQL would drop the sender from the order of [`page`].
fn is_sent_by(sql: &mut Sql, sender: UserId) -> String {
    let sender = sql.bind(sender);
    format!("m.sender_id BETWEEN {sender} AND {sender}")
}

/// The id of a person, or one that nobody has.
async fn person(app: &App, user: &UserRef) -> Result<UserId> {
    let user = known(users::find(app.db.read(), user).await)?;
    Ok(user.map_or(UserId(0), |user| user.id))
}
