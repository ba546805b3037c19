//! Trees, polls, prices, tickets, imports: what is checked first and written then.

use sqlitmus::crash;
use sqlitmus::rusqlite::TransactionBehavior::Immediate;
use sqlitmus::rusqlite::{Connection, OptionalExtension, Result, params};

use super::app::Finds::{Crash, Faults, Interleave};
use super::app::{App, Word};

pub(super) fn tickets() -> App {
    let mut app = App::new(
        "tickets",
        "CREATE TABLE shows(id INTEGER PRIMARY KEY, seats INT NOT NULL, sold INT NOT NULL DEFAULT 0);
         CREATE TABLE tickets(id INTEGER PRIMARY KEY AUTOINCREMENT, show INT NOT NULL, seat INT NOT NULL, who TEXT);
         INSERT INTO shows(seats) VALUES (2); INSERT INTO tickets(show, seat, who) VALUES (1, 1, 'zoe');",
    );
    app.bug("gives the next seat to two", Interleave("write skew"), |db, me| {
        let seat: i64 = db.query_row("SELECT count(*) + 1 FROM tickets WHERE show = 1", [], |row| row.get(0))?;
        db.execute("INSERT INTO tickets(show, seat, who) VALUES (1, ?1, ?2)", params![seat, me])
    });
    app.fine("gives the next seat to one", |db, me| {
        let sql = "INSERT INTO tickets(show, seat, who) SELECT 1, count(*) + 1, ?1 FROM tickets WHERE show = 1";
        db.execute(sql, [me])
    });
    app.bug("counts what is sold apart from the tickets", Crash("half done"), |db, me| {
        db.execute("INSERT INTO tickets(show, seat, who) VALUES (1, 2, ?1)", [me])?;
        db.execute("UPDATE shows SET sold = sold + 1 WHERE id = 1", [])
    });
    app.bug("reads its ticket back by the largest id", Interleave("no serial order"), |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO tickets(show, seat, who) VALUES (1, 2, ?1)", [me])?;
        tx.commit()?;
        db.query_row("SELECT who FROM tickets ORDER BY id DESC LIMIT 1", [], |row| row.get::<_, String>(0))
    });
    app.fine("returns the id of its ticket", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO tickets(show, seat, who) VALUES (1, 2, ?1)", [me])?;
        let id = tx.last_insert_rowid();
        tx.execute("UPDATE shows SET sold = sold + 1 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(id)
    });
    app.bug("sends the ticket before it is paid for", Crash("acknowledged"), |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO tickets(show, seat, who) VALUES (1, 2, ?1)", [me])?;
        crash::acknowledge();
        tx.execute("UPDATE shows SET sold = sold + 1 WHERE id = 1", [])?;
        tx.commit()
    });
    app.fix("after the commit", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO tickets(show, seat, who) VALUES (1, 2, ?1)", [me])?;
        tx.execute("UPDATE shows SET sold = sold + 1 WHERE id = 1", [])?;
        tx.commit()?;
        crash::acknowledge();
        Ok(())
    });
    app.bug("cancels if the show looks empty", Faults("returns Ok"), |db, _| {
        let sold = db.query_row("SELECT count(*) FROM tickets", [], |row| row.get(0)).unwrap_or(0);
        if sold == 0 {
            db.execute("DELETE FROM shows", [])?;
        }
        Ok(sold)
    });
    app.fix("with `?`", |db, _| {
        let sold = db.query_row("SELECT count(*) FROM tickets", [], |row| row.get::<_, i64>(0))?;
        db.execute("DELETE FROM shows WHERE NOT EXISTS (SELECT 1 FROM tickets)", [])?;
        Ok(sold)
    })
    .only_reads();
    app
}

pub(super) fn tree() -> App {
    let mut app = App::new(
        "tree",
        "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent INT REFERENCES nodes(id), name TEXT, children INT DEFAULT 0);
         INSERT INTO nodes(id, parent, name) VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right');",
    );
    app.bug("makes a folder of the same name twice", Interleave("write skew"), |db, _| {
        let found = db.query_row("SELECT id FROM nodes WHERE parent = 1 AND name = 'new'", [], |row| row.get(0));
        if let Some(id) = found.optional()? {
            return Ok(id);
        }
        db.execute("INSERT INTO nodes(parent, name) VALUES (1, 'new')", [])?;
        Ok(db.last_insert_rowid())
    });
    app.fine("makes a folder once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let found = tx.query_row("SELECT id FROM nodes WHERE parent = 1 AND name = 'new'", [], |row| row.get(0));
        let id = match found.optional()? {
            Some(id) => id,
            None => {
                tx.execute("INSERT INTO nodes(parent, name) VALUES (1, 'new')", [])?;
                tx.last_insert_rowid()
            }
        };
        tx.commit()?;
        Ok(id)
    });
    app.bug("moves each of two folders into the other", Interleave("write skew"), |db, me| {
        let (node, into) = if me == "a" { (2, 3) } else { (3, 2) };
        let parent: i64 = db.query_row("SELECT parent FROM nodes WHERE id = ?1", [into], |row| row.get(0))?;
        if parent == node {
            return Ok(false);
        }
        db.execute("UPDATE nodes SET parent = ?2 WHERE id = ?1", [node, into])?;
        Ok(true)
    });
    app.fine("moves one of two folders into the other", |db, me| {
        let (node, into) = if me == "a" { (2, 3) } else { (3, 2) };
        let sql = "UPDATE nodes SET parent = ?2 WHERE id = ?1 AND (SELECT parent FROM nodes WHERE id = ?2) <> ?1";
        Ok(db.execute(sql, [node, into])? == 1)
    });
    app.bug("deletes a folder that was filled since", Interleave("FOREIGN KEY"), |db, _| {
        let children: i64 = db.query_row("SELECT count(*) FROM nodes WHERE parent = 2", [], |row| row.get(0))?;
        if children > 0 {
            return Ok(false);
        }
        db.execute("DELETE FROM nodes WHERE id = 2", [])?;
        Ok(true)
    })
    .against(|db, _| db.execute("INSERT INTO nodes(parent, name) VALUES (2, 'leaf')", []));
    app.bug("adds a child and counts it apart", Crash("half done"), |db, me| {
        db.execute("INSERT INTO nodes(parent, name) VALUES (2, ?1)", [me])?;
        db.execute("UPDATE nodes SET children = children + 1 WHERE id = 2", [])
    });
    app.fine("adds a child and its own child", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("INSERT INTO nodes(parent, name) VALUES (2, ?1)", [me])?;
        let parent = tx.last_insert_rowid();
        tx.execute("INSERT INTO nodes(parent, name) VALUES (?1, 'child')", [parent])?;
        tx.commit()
    });
    app.fine("adds a child and its own child in two commits", |db, me| {
        db.execute("INSERT INTO nodes(parent, name) VALUES (2, ?1)", [me])?;
        db.execute("INSERT INTO nodes(parent, name) VALUES (?1, 'child')", [db.last_insert_rowid()])
    })
    .word(Word::Independent);
    app
}

fn price(db: &Connection) -> Result<i64> {
    db.query_row("SELECT price FROM prices WHERE product = 'tea'", [], |row| row.get(0))
}

pub(super) fn shop() -> App {
    let mut app = App::new(
        "shop",
        "CREATE TABLE prices(product TEXT PRIMARY KEY, price INT NOT NULL); INSERT INTO prices VALUES ('tea', 10);
         CREATE TABLE carts(id INTEGER PRIMARY KEY, who TEXT, total INT NOT NULL, paid INT NOT NULL DEFAULT 0);
         CREATE TABLE wallets(who TEXT PRIMARY KEY, money INT NOT NULL CHECK(money >= 0));
         INSERT INTO wallets VALUES ('a', 15), ('b', 15), ('shop', 0); INSERT INTO carts(who, total) VALUES ('a', 10);",
    );
    app.bug("sells for the old price", Interleave("write skew"), |db, me| {
        let price = price(db)?;
        db.execute("INSERT INTO carts(who, total) VALUES (?1, ?2)", params![me, price])?;
        Ok(())
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE prices SET price = 12", [])?;
        tx.execute("INSERT INTO carts(who, total) SELECT 'total', sum(total) FROM carts", [])?;
        tx.commit()
    });
    app.fine("sells for the price of now", |db, me| {
        let sql = "INSERT INTO carts(who, total) SELECT ?1, price FROM prices WHERE product = 'tea'";
        db.execute(sql, [me])
    })
    .against(|db, _| db.execute("UPDATE prices SET price = 12", []));
    app.bug("pays a cart twice", Interleave("stale read"), |db, _| {
        let paid: bool = db.query_row("SELECT paid FROM carts WHERE id = 1", [], |row| row.get(0))?;
        if paid {
            return Ok(false);
        }
        let tx = db.transaction_with_behavior(Immediate)?;
        tx.execute("UPDATE wallets SET money = money + 10 WHERE who = 'shop'", [])?;
        tx.execute("UPDATE carts SET paid = 1 WHERE id = 1", [])?;
        tx.commit()?;
        Ok(true)
    });
    app.fine("pays a cart once", |db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        if tx.execute("UPDATE carts SET paid = 1 WHERE id = 1 AND NOT paid", [])? == 1 {
            tx.execute("UPDATE wallets SET money = money + 10 WHERE who = 'shop'", [])?;
        }
        tx.commit()
    });
    app.bug("takes the money and gives it in two commits", Crash("half done"), |db, me| {
        db.execute("UPDATE wallets SET money = money - 10 WHERE who = ?1", [me])?;
        db.execute("UPDATE wallets SET money = money + 10 WHERE who = 'shop'", [])
    });
    app.fine("takes the money and gives it, or says why not", |db, me| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let taken = tx.execute("UPDATE wallets SET money = money - 10 WHERE who = ?1 AND money >= 10", [me])?;
        if taken == 0 {
            return Ok("too little");
        }
        tx.execute("UPDATE wallets SET money = money + 10 WHERE who = 'shop'", [])?;
        tx.commit()?;
        Ok("paid")
    });
    app.bug("takes any error for too little money", Faults("changed nothing"), |db, me| {
        let taken = db.execute("UPDATE wallets SET money = money - 10 WHERE who = ?1", [me]);
        Ok(if taken.is_ok() { "paid" } else { "too little" })
    })
    .fixed_by("with `?`", "takes a violated CHECK for too little money");
    app.fine("takes a violated CHECK for too little money", |db, me| {
        match db.execute("UPDATE wallets SET money = money - 10 WHERE who = ?1", [me]) {
            Ok(_) => Ok("paid"),
            Err(error) if error.to_string().contains("CHECK") => Ok("too little"),
            Err(error) => Err(error),
        }
    });
    app
}

pub(super) fn polls() -> App {
    let mut app = App::new(
        "polls",
        "CREATE TABLE polls(id INTEGER PRIMARY KEY, open INT NOT NULL DEFAULT 1, winner TEXT); INSERT INTO polls(id) VALUES (1);
         CREATE TABLE votes(poll INT, who TEXT, choice TEXT, at REAL, PRIMARY KEY(poll, who)) WITHOUT ROWID;
         INSERT INTO votes VALUES (1, 'x', 'tea', 1), (1, 'y', 'pot', 1);",
    );
    app.bug("votes when the poll is closed since", Interleave("write skew"), |db, me| {
        if !db.prepare("SELECT 1 FROM polls WHERE id = 1 AND open")?.exists([])? {
            return Ok(false);
        }
        db.execute("INSERT OR REPLACE INTO votes VALUES (1, ?1, 'tea', 2)", [me])?;
        Ok(true)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let count: i64 = tx.query_row("SELECT count(*) FROM votes", [], |row| row.get(0))?;
        tx.execute("UPDATE polls SET open = 0, winner = ?1", [count])?;
        tx.commit()
    });
    app.fine("votes if the poll is open", |db, me| {
        let sql = "INSERT OR REPLACE INTO votes SELECT id, ?1, 'tea', 2 FROM polls WHERE id = 1 AND open";
        Ok(db.execute(sql, [me])? == 1)
    })
    .against(|db, _| {
        let tx = db.transaction_with_behavior(Immediate)?;
        let count: i64 = tx.query_row("SELECT count(*) FROM votes", [], |row| row.get(0))?;
        tx.execute("UPDATE polls SET open = 0, winner = ?1", [count])?;
        tx.commit()
    });
    app.fine("votes at the time of SQLite", |db, me| {
        db.execute("INSERT OR REPLACE INTO votes VALUES (1, ?1, 'tea', julianday('now'))", [me])
    });
    app.bug("closes a poll that it cannot count", Faults("returns Ok"), |db, _| {
        let winner = db
            .query_row("SELECT choice FROM votes GROUP BY choice ORDER BY count(*) DESC, choice LIMIT 1", [], |row| {
                row.get::<_, String>(0)
            })
            .ok();
        db.execute("UPDATE polls SET open = 0, winner = ?1 WHERE id = 1", [winner])
    });
    app.fix("with `?`", |db, _| {
        let sql = "UPDATE polls SET open = 0, winner =
                   (SELECT choice FROM votes GROUP BY choice ORDER BY count(*) DESC, choice LIMIT 1) WHERE id = 1";
        db.execute(sql, [])
    });
    app.bug("closes the poll and then deletes the votes", Crash("half done"), |db, _| {
        db.execute("UPDATE polls SET open = 0, winner = 'tea' WHERE id = 1", [])?;
        db.execute("DELETE FROM votes WHERE poll = 1", [])
    });
    app
}
