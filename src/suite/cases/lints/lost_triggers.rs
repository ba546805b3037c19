//! Triggers that go with their table or view, and whether they are made again.

use crate::check::Finding;
use crate::migrations::Migration;
use crate::schema::{Schema, Trigger};
use crate::sql::{Token, TokenKind, same_name, tokens};
use crate::suite::statements::{Effect, StatementEffect};

/// Finds INSTEAD OF triggers of views that a migration drops and creates again.
pub(crate) fn of_views(
    migration: &Migration,
    effects: &[StatementEffect],
    (old, new): (&Schema, &Schema),
) -> Vec<Finding> {
    let kept = old.views.iter().filter(|view| new.views.iter().any(|twin| twin.name == view.name));
    let lost = kept.flat_map(|view| {
        let is_lost =
            |it: &&Trigger| !is_dropped(effects, &it.name) && !is_made_again(it, (&view.name, &view.name), (old, new));
        view.triggers.iter().filter(is_lost).map(move |trigger| (view, trigger))
    });
    lost.map(|(view, trigger)| {
        let (version, file) = (migration.version(), migration.name());
        let what = format!("migration {version} loses the trigger {} of the view {}: {file}", trigger.name, view.name);
        Finding::new("rebuild-loses-objects", trigger.name.as_str(), what)
            .cost(
                "DROP VIEW drops its triggers, and nothing replaces this one: what it did for a write is an error now",
            )
            .fix(format!("{};", trigger.sql))
    })
    .collect()
}

/// Returns true if the migration drops an index or trigger by this name.
pub(crate) fn is_dropped(effects: &[StatementEffect], name: &str) -> bool {
    effects.iter().any(|effect| matches!(&effect.effect, Effect::DropObject(dropped) if dropped == name))
}

/// Returns true if a trigger of this name is there, or a new one that differs in its name, and that of its table, only. `on`
/// are the names of the table or view before and after.
pub(crate) fn is_made_again(trigger: &Trigger, on: (&str, &str), (old, new): (&Schema, &Schema)) -> bool {
    let is_known = |twin: &Trigger| triggers(old).any(|known| known.name == twin.name);
    triggers(new).any(|twin| twin.name == trigger.name || (!is_known(twin) && is_same(trigger, twin, on)))
}

fn triggers(schema: &Schema) -> impl Iterator<Item = &Trigger> {
    let of_views = schema.views.iter().flat_map(|view| &view.triggers);
    schema.tables.iter().flat_map(|table| &table.triggers).chain(of_views)
}

/// Returns true if two triggers differ in their names, and that of the table, only.
fn is_same(one: &Trigger, other: &Trigger, (before, after): (&str, &str)) -> bool {
    let (these, others) = (tokens(&one.sql), tokens(&other.sql));
    let is_pair = |token: &Token<'_>, twin: &Token<'_>| {
        let is_name = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        let (Some(was), Some(is)) = (token.name(), twin.name()) else { return token.text == twin.text };
        let became = |before: &str, after: &str| same_name(&was, before) && same_name(&is, after);
        match is_name(token) && is_name(twin) {
            true => same_name(&was, &is) || became(before, after) || became(&one.name, &other.name),
            false => token.text == twin.text,
        }
    };
    these.len() == others.len() && these.iter().zip(&others).all(|(token, twin)| is_pair(token, twin))
}
