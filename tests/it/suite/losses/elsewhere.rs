//! Values and rows that are moved before their column or table is dropped, and keys that are replaced.

use super::{History, each_is_found, history, nothing_is_found};

const USERS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, bio TEXT, age INTEGER);";

const PEOPLE: &str =
    "CREATE TABLE people(id INTEGER PRIMARY KEY, first TEXT NOT NULL, last TEXT NOT NULL, middle TEXT);";

const POSTS: &str = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL);
    CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), body TEXT NOT NULL);";

const AUTHORS: &str = "CREATE TABLE posts(id INTEGER PRIMARY KEY, author TEXT NOT NULL, body TEXT NOT NULL);";

const BEDS: &str =
    "CREATE TABLE rooms(id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('single', 'double')));
    CREATE TABLE beds(id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL REFERENCES rooms(id), label TEXT NOT NULL);";

const TAGS: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
    CREATE TABLE tags(id INTEGER PRIMARY KEY, note_id INTEGER NOT NULL REFERENCES notes(id) ON DELETE CASCADE, tag TEXT NOT NULL);";

const NOTES: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL, is_old INTEGER NOT NULL CHECK (is_old IN (0, 1)));";

#[test]
fn columns_that_are_moved_are_kept() {
    let of_users = |change: &'static str| history(change, USERS, change);
    nothing_is_found(&[
        of_users("ALTER TABLE users ADD COLUMN about TEXT; UPDATE users SET about = bio; ALTER TABLE users DROP COLUMN bio;"),
        of_users(
            "ALTER TABLE users ADD COLUMN bio2 TEXT; UPDATE users SET bio2 = bio;
             ALTER TABLE users DROP COLUMN bio; ALTER TABLE users RENAME COLUMN bio2 TO bio;",
        ),
        of_users(
            "CREATE TABLE profiles(user_id INTEGER PRIMARY KEY REFERENCES users(id), bio TEXT);
             INSERT INTO profiles SELECT id, bio FROM users; ALTER TABLE users DROP COLUMN bio;",
        ),
        of_users(
            "CREATE TABLE profiles(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES users(id), about TEXT NOT NULL);
             INSERT INTO profiles(owner, about) SELECT id, bio FROM users WHERE bio IS NOT NULL ORDER BY name;
             ALTER TABLE users DROP COLUMN bio;",
        ),
        of_users(
            "CREATE TABLE profiles(email TEXT PRIMARY KEY, about TEXT, years INTEGER);
             INSERT INTO profiles SELECT email, bio, age FROM users;
             ALTER TABLE users DROP COLUMN bio; ALTER TABLE users DROP COLUMN age;",
        ),
        of_users(
            "CREATE TABLE settings(user_id INTEGER NOT NULL, key TEXT NOT NULL, value, PRIMARY KEY (user_id, key));
             INSERT INTO settings SELECT id, 'bio', bio FROM users WHERE bio IS NOT NULL;
             INSERT INTO settings SELECT id, 'age', age FROM users WHERE age IS NOT NULL;
             ALTER TABLE users DROP COLUMN bio; ALTER TABLE users DROP COLUMN age;",
        ),
        of_users(
            "ALTER TABLE users ADD COLUMN extra TEXT; UPDATE users SET extra = json_object('bio', bio, 'age', age);
             ALTER TABLE users DROP COLUMN bio; ALTER TABLE users DROP COLUMN age;",
        ),
        of_users(
            "CREATE TABLE accounts(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
             CREATE TABLE profiles(account_id INTEGER PRIMARY KEY REFERENCES accounts(id), name TEXT NOT NULL, bio TEXT, age INTEGER);
             INSERT INTO accounts SELECT id, email FROM users;
             INSERT INTO profiles SELECT id, name, bio, age FROM users; DROP TABLE users;",
        ),
        history(
            "joined",
            PEOPLE,
            "ALTER TABLE people ADD COLUMN name TEXT; UPDATE people SET name = first || ' ' || last;
             ALTER TABLE people DROP COLUMN first; ALTER TABLE people DROP COLUMN last;",
        ),
        history(
            "joined in a copy",
            PEOPLE,
            "CREATE TABLE new(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             INSERT INTO new SELECT id, trim(first || ' ' || coalesce(middle || ' ', '') || last) FROM people;
             DROP TABLE people; ALTER TABLE new RENAME TO people;",
        ),
        history(
            "split",
            PEOPLE,
            "ALTER TABLE people ADD COLUMN start TEXT; ALTER TABLE people ADD COLUMN rest TEXT;
             UPDATE people SET start = substr(last, 1, instr(last || ' ', ' ') - 1), rest = substr(last, instr(last || ' ', ' ') + 1);
             ALTER TABLE people DROP COLUMN last;",
        ),
        history(
            "a backup of the old values",
            PEOPLE,
            "ALTER TABLE people ADD COLUMN old_last TEXT; UPDATE people SET old_last = last; UPDATE people SET last = upper(last);",
        ),
        history(
            "a table of the old values",
            PEOPLE,
            "CREATE TABLE renamed(person INTEGER, was TEXT); INSERT INTO renamed SELECT id, last FROM people;
             UPDATE people SET last = upper(last);",
        ),
        history(
            "a mapping into another column",
            "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('new', 'done', 'failed')));",
            "ALTER TABLE jobs ADD COLUMN code INTEGER;
             UPDATE jobs SET code = CASE state WHEN 'new' THEN 0 WHEN 'done' THEN 1 WHEN 'failed' THEN 2 END;
             ALTER TABLE jobs DROP COLUMN state;",
        ),
        history(
            "many to many",
            "CREATE TABLE authors(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT NOT NULL, author_id INTEGER REFERENCES authors(id));",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
             INSERT INTO new SELECT id, title FROM books;
             CREATE TABLE book_authors(book_id INTEGER NOT NULL REFERENCES new(id), author_id INTEGER NOT NULL REFERENCES authors(id),
                PRIMARY KEY (book_id, author_id));
             INSERT INTO book_authors SELECT id, author_id FROM books WHERE author_id IS NOT NULL;
             DROP TABLE books; ALTER TABLE new RENAME TO books;",
        ),
        history(
            "split into rows",
            "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '');",
            "CREATE TABLE tags(note_id INTEGER NOT NULL, tag TEXT NOT NULL);
             WITH RECURSIVE parts(id, tag, rest) AS (
                SELECT id, NULL, tags || ' ' FROM notes
                UNION ALL SELECT id, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM parts WHERE rest <> '')
             INSERT INTO tags SELECT id, tag FROM parts WHERE tag IS NOT NULL AND tag <> '';
             ALTER TABLE notes DROP COLUMN tags;",
        ),
        history(
            "a JSON array split into rows",
            "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL,
                tags TEXT NOT NULL CHECK (tags IN ('[\"red\",\"blue\"]', '[]', '[\"green\"]')));",
            "CREATE TABLE tags(note_id INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (note_id, tag));
             INSERT INTO tags SELECT notes.id, value FROM notes, json_each(notes.tags);
             CREATE TABLE new(id INTEGER PRIMARY KEY, title TEXT NOT NULL);
             INSERT INTO new SELECT id, title FROM notes; DROP TABLE notes; ALTER TABLE new RENAME TO notes;",
        ),
        history(
            "a table of names",
            AUTHORS,
            "CREATE TABLE authors(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             INSERT INTO authors(name) SELECT DISTINCT author FROM posts;
             ALTER TABLE posts ADD COLUMN author_id INTEGER REFERENCES authors(id);
             UPDATE posts SET author_id = (SELECT id FROM authors WHERE name = posts.author);
             ALTER TABLE posts DROP COLUMN author;",
        ),
        history(
            "a table of names, under the same name",
            AUTHORS,
            "CREATE TABLE authors(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             INSERT INTO authors(name) SELECT DISTINCT author FROM posts;
             CREATE TABLE new(id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES authors(id), body TEXT NOT NULL);
             INSERT INTO new SELECT posts.id, authors.id, body FROM posts JOIN authors ON authors.name = posts.author;
             DROP TABLE posts; ALTER TABLE new RENAME TO posts;",
        ),
    ]);
}

#[test]
fn columns_that_are_not_all_moved_are_lost() {
    let of_users = |change: &'static str, text: &'static str| (history(change, USERS, change), text);
    each_is_found(&[
        of_users("ALTER TABLE users DROP COLUMN bio;", "drops users.bio"),
        of_users(
            "ALTER TABLE users ADD COLUMN about TEXT; UPDATE users SET about = bio WHERE id > 3; ALTER TABLE users DROP COLUMN bio;",
            "drops users.bio",
        ),
        of_users(
            "ALTER TABLE users ADD COLUMN about TEXT; UPDATE users SET about = substr(bio, 1, 4); ALTER TABLE users DROP COLUMN bio;",
            "drops users.bio",
        ),
        of_users(
            "CREATE TABLE profiles(user_id INTEGER PRIMARY KEY, bio TEXT);
             INSERT INTO profiles SELECT id, bio FROM users WHERE id <> 1 AND id <> 2; ALTER TABLE users DROP COLUMN bio;",
            "drops users.bio",
        ),
        of_users(
            "CREATE TABLE profiles(id INTEGER PRIMARY KEY, bio TEXT NOT NULL);
             INSERT INTO profiles(bio) SELECT bio FROM users WHERE bio IS NOT NULL ORDER BY bio; ALTER TABLE users DROP COLUMN bio;",
            "drops users.bio",
        ),
        of_users(
            "ALTER TABLE users ADD COLUMN extra TEXT; UPDATE users SET extra = json_object('bio', bio);
             ALTER TABLE users DROP COLUMN bio; ALTER TABLE users DROP COLUMN age;",
            "drops users.age",
        ),
        of_users(
            "CREATE TABLE accounts(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
             CREATE TABLE profiles(account_id INTEGER PRIMARY KEY REFERENCES accounts(id), name TEXT NOT NULL, age INTEGER);
             INSERT INTO accounts SELECT id, email FROM users;
             INSERT INTO profiles SELECT id, name, age FROM users; DROP TABLE users;",
            "drops the table users",
        ),
        (
            history(
                "joined with a NULL",
                PEOPLE,
                "ALTER TABLE people ADD COLUMN name TEXT; UPDATE people SET name = first || ' ' || middle;
                 ALTER TABLE people DROP COLUMN first;",
            ),
            "drops people.first",
        ),
        (
            history(
                "half of a split",
                PEOPLE,
                "ALTER TABLE people ADD COLUMN start TEXT; UPDATE people SET start = substr(last, 1, 3); ALTER TABLE people DROP COLUMN last;",
            ),
            "drops people.last",
        ),
        (
            history(
                "names in lower case",
                AUTHORS,
                "CREATE TABLE authors(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                 INSERT INTO authors(name) SELECT DISTINCT upper(author) FROM posts;
                 ALTER TABLE posts ADD COLUMN author_id INTEGER REFERENCES authors(id);
                 UPDATE posts SET author_id = (SELECT id FROM authors WHERE name = upper(posts.author));
                 ALTER TABLE posts DROP COLUMN author;",
            ),
            "drops posts.author",
        ),
        (
            history(
                "a mapping that forgets a word",
                "CREATE TABLE jobs(id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('new', 'done', 'failed', 'lost')));",
                "ALTER TABLE jobs ADD COLUMN code INTEGER;
                 UPDATE jobs SET code = CASE state WHEN 'new' THEN 0 WHEN 'done' THEN 1 ELSE 2 END;
                 ALTER TABLE jobs DROP COLUMN state;",
            ),
            "drops jobs.state",
        ),
    ]);
}

#[test]
fn the_cause_is_that_of_the_statement() {
    let two = "CREATE TABLE a(id INTEGER PRIMARY KEY, m TEXT NOT NULL, s TEXT NOT NULL);";
    let found = |change: &'static str| {
        let found = history(change, two, change).found();
        assert_eq!(found.len(), 1, "{change}\n{}", found.join("\n"));
        found[0].clone()
    };
    let dropped = found("ALTER TABLE a DROP COLUMN m; ALTER TABLE a RENAME COLUMN s TO m;");
    assert!(dropped.contains("drops a.m") && !dropped.contains("INSERT .. SELECT"), "{dropped}");
    let overwritten = found("UPDATE a SET m = s;");
    assert!(overwritten.contains("UPDATE a SET m = s") && !overwritten.contains("INSERT .. SELECT"), "{overwritten}");
    let copied = found(
        "CREATE TABLE new(id INTEGER PRIMARY KEY, s TEXT NOT NULL, m TEXT NOT NULL); INSERT INTO new SELECT * FROM a;
         DROP TABLE a; ALTER TABLE new RENAME TO a;",
    );
    assert!(copied.contains("INSERT .. SELECT matches columns by position"), "{copied}");
}

#[test]
fn rows_that_are_moved_are_kept() {
    let of_notes = |change: &'static str| history(change, NOTES, change);
    nothing_is_found(&[
        of_notes(
            "CREATE TABLE archive(note_id INTEGER PRIMARY KEY, heading TEXT NOT NULL, text TEXT NOT NULL);
             INSERT INTO archive SELECT id, title, body FROM notes WHERE is_old = 1; DELETE FROM notes WHERE is_old = 1;",
        ),
        of_notes(
            "CREATE TABLE archive(title TEXT NOT NULL, body TEXT NOT NULL, is_old INTEGER NOT NULL, at TEXT);
             INSERT INTO archive SELECT title, body, is_old, datetime('now') FROM notes WHERE is_old = 1; DELETE FROM notes WHERE is_old = 1;",
        ),
        of_notes(
            "CREATE TABLE archive(id INTEGER PRIMARY KEY, note TEXT NOT NULL);
             INSERT INTO archive SELECT id, json_object('title', title, 'body', body) FROM notes WHERE is_old = 1;
             DELETE FROM notes WHERE is_old = 1;",
        ),
        history(
            "two tables into one",
            "CREATE TABLE cats(id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
             CREATE TABLE dogs(id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);",
            "CREATE TABLE animals(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, called TEXT NOT NULL, age INTEGER);
             INSERT INTO animals(kind, called, age) SELECT 'cat', name, age FROM cats;
             INSERT INTO animals(kind, called, age) SELECT 'dog', name, age FROM dogs;
             DROP TABLE cats; DROP TABLE dogs;",
        ),
        history(
            "one table into two",
            NOTES,
            "CREATE TABLE old(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
             CREATE TABLE fresh(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
             INSERT INTO old SELECT id, title, body FROM notes WHERE is_old = 1;
             INSERT INTO fresh SELECT id, title, body FROM notes WHERE is_old = 0; DROP TABLE notes;",
        ),
        history(
            "rows into a JSON array",
            TAGS,
            "ALTER TABLE notes ADD COLUMN tags TEXT;
             UPDATE notes SET tags = (SELECT json_group_array(tag) FROM tags WHERE note_id = notes.id); DROP TABLE tags;",
        ),
        history(
            "rows into a list",
            TAGS,
            "ALTER TABLE notes ADD COLUMN tags TEXT NOT NULL DEFAULT '';
             UPDATE notes SET tags = coalesce((SELECT group_concat(tag, ', ') FROM tags WHERE note_id = notes.id), ''); DROP TABLE tags;",
        ),
        history(
            "the same rows twice",
            "CREATE TABLE follows(who INTEGER NOT NULL, whom INTEGER NOT NULL, note TEXT);",
            "DELETE FROM follows WHERE rowid NOT IN (SELECT min(rowid) FROM follows GROUP BY who, whom, note);
             CREATE UNIQUE INDEX follows_once ON follows(who, whom, note);",
        ),
    ]);
}

#[test]
fn rows_that_are_not_all_moved_are_lost() {
    let of_notes = |change: &'static str, text: &'static str| (history(change, NOTES, change), text);
    each_is_found(&[
        of_notes(
            "CREATE TABLE archive(note_id INTEGER PRIMARY KEY, heading TEXT NOT NULL);
             INSERT INTO archive SELECT id, title FROM notes WHERE is_old = 1; DELETE FROM notes WHERE is_old = 1;",
            "rows of notes",
        ),
        of_notes(
            "CREATE TABLE archive(note_id INTEGER PRIMARY KEY, heading TEXT NOT NULL, text TEXT NOT NULL);
             INSERT INTO archive SELECT id, title, body FROM notes WHERE is_old = 1 LIMIT 1; DELETE FROM notes WHERE is_old = 1;",
            "rows of notes",
        ),
        of_notes("DELETE FROM notes WHERE is_old = 1;", "rows of notes"),
        of_notes(
            "CREATE TABLE fresh(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
             INSERT INTO fresh SELECT id, title, body FROM notes WHERE is_old = 0; DROP TABLE notes;",
            "drops the table notes",
        ),
        (
            history(
                "a list of some",
                TAGS,
                "ALTER TABLE notes ADD COLUMN tags TEXT;
                 UPDATE notes SET tags = (SELECT tag FROM tags WHERE note_id = notes.id LIMIT 1); DROP TABLE tags;",
            ),
            "drops the table tags",
        ),
    ]);
}

#[test]
fn keys_that_every_reference_follows_are_replaced() {
    nothing_is_found(&[
        history(
            "new keys, by a join",
            POSTS,
            "CREATE TABLE people(id TEXT PRIMARY KEY NOT NULL, old INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL);
             INSERT INTO people SELECT lower(hex(randomblob(16))), id, email, name FROM users;
             CREATE TABLE new(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES people(id), body TEXT NOT NULL);
             INSERT INTO new SELECT posts.id, people.id, body FROM posts JOIN people ON people.old = posts.user_id;
             DROP TABLE posts; ALTER TABLE new RENAME TO posts; DROP TABLE users;",
        ),
        history(
            "new keys, by a temporary table",
            POSTS,
            "CREATE TEMP TABLE keys(old INTEGER PRIMARY KEY, new TEXT NOT NULL);
             INSERT INTO keys SELECT id, 'u-' || hex(randomblob(8)) FROM users;
             CREATE TABLE users_new(id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL);
             INSERT INTO users_new SELECT keys.new, email, name FROM users JOIN keys ON keys.old = users.id;
             CREATE TABLE posts_new(id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users_new(id), body TEXT NOT NULL);
             INSERT INTO posts_new SELECT posts.id, keys.new, body FROM posts JOIN keys ON keys.old = posts.user_id;
             DROP TABLE posts; DROP TABLE users; ALTER TABLE users_new RENAME TO users; ALTER TABLE posts_new RENAME TO posts;
             DROP TABLE keys;",
        ),
        history(
            "a natural key becomes a number",
            "CREATE TABLE shops(code TEXT PRIMARY KEY NOT NULL, city TEXT NOT NULL);
             CREATE TABLE sales(id INTEGER PRIMARY KEY, shop TEXT NOT NULL REFERENCES shops(code), amount INTEGER NOT NULL);",
            "CREATE TABLE shops_new(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, city TEXT NOT NULL);
             INSERT INTO shops_new(code, city) SELECT code, city FROM shops;
             CREATE TABLE sales_new(id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shops_new(id), amount INTEGER NOT NULL);
             INSERT INTO sales_new SELECT sales.id, shops_new.id, amount FROM sales JOIN shops_new ON shops_new.code = sales.shop;
             DROP TABLE sales; DROP TABLE shops; ALTER TABLE shops_new RENAME TO shops; ALTER TABLE sales_new RENAME TO sales;",
        ),
        history(
            "random keys of rows that are alike, in whose order they are read",
            BEDS,
            "CREATE TABLE rooms_new(id TEXT PRIMARY KEY NOT NULL, old INTEGER NOT NULL,
                 kind TEXT NOT NULL CHECK (kind IN ('single', 'double'))) WITHOUT ROWID;
             INSERT INTO rooms_new SELECT lower(hex(randomblob(16))), id, kind FROM rooms;
             CREATE TABLE beds_new(id INTEGER PRIMARY KEY, room_id TEXT NOT NULL REFERENCES rooms_new(id), label TEXT NOT NULL);
             INSERT INTO beds_new SELECT beds.id, rooms_new.id, label FROM beds JOIN rooms_new ON rooms_new.old = beds.room_id;
             DROP TABLE beds; DROP TABLE rooms; ALTER TABLE rooms_new DROP COLUMN old;
             ALTER TABLE rooms_new RENAME TO rooms; ALTER TABLE beds_new RENAME TO beds;",
        ),
        History {
            name: "dangling references",
            before: "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL); CREATE TABLE posts(id INTEGER PRIMARY KEY, user_id INTEGER, body TEXT NOT NULL);",
            change: "UPDATE posts SET user_id = NULL WHERE user_id NOT IN (SELECT id FROM users);
                CREATE TABLE new(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), body TEXT NOT NULL);
                INSERT INTO new SELECT * FROM posts; DROP TABLE posts; ALTER TABLE new RENAME TO posts;",
        },
    ]);
}

#[test]
fn references_that_do_not_follow_are_lost() {
    each_is_found(&[
        (
            history(
                "a join of the wrong columns",
                POSTS,
                "CREATE TABLE people(id TEXT PRIMARY KEY NOT NULL, old INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL);
                 INSERT INTO people SELECT lower(hex(randomblob(16))), id, email, name FROM users;
                 CREATE TABLE new(id INTEGER PRIMARY KEY, user_id TEXT REFERENCES people(id), body TEXT NOT NULL);
                 INSERT INTO new SELECT posts.id, (SELECT max(id) FROM people), body FROM posts;
                 DROP TABLE posts; ALTER TABLE new RENAME TO posts; DROP TABLE users;",
            ),
            "posts.user_id",
        ),
        (
            history(
                "keys given anew",
                POSTS,
                "CREATE TABLE people(id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL);
                 INSERT INTO people(id, email, name) SELECT 1000 - id, email, name FROM users;
                 CREATE TABLE new(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, body TEXT NOT NULL);
                 INSERT INTO new SELECT * FROM posts; DROP TABLE posts; ALTER TABLE new RENAME TO posts; DROP TABLE users;",
            ),
            "users",
        ),
        (
            history(
                "random keys of rows that are alike, and references to those of the other kind",
                BEDS,
                "CREATE TABLE rooms_new(id TEXT PRIMARY KEY NOT NULL, old INTEGER NOT NULL,
                 kind TEXT NOT NULL CHECK (kind IN ('single', 'double')));
                 INSERT INTO rooms_new SELECT lower(hex(randomblob(16))), id, kind FROM rooms;
                 CREATE TABLE beds_new(id INTEGER PRIMARY KEY, room_id TEXT REFERENCES rooms_new(id), label TEXT NOT NULL);
                 INSERT INTO beds_new SELECT beds.id, (SELECT max(other.id) FROM rooms JOIN rooms_new other ON other.kind <> rooms.kind
                     WHERE rooms.id = beds.room_id), label FROM beds;
                 DROP TABLE beds; DROP TABLE rooms; ALTER TABLE rooms_new DROP COLUMN old;
                 ALTER TABLE rooms_new RENAME TO rooms; ALTER TABLE beds_new RENAME TO beds;",
            ),
            "beds.room_id",
        ),
        (
            history(
                "all to one",
                POSTS,
                "UPDATE posts SET user_id = (SELECT min(id) FROM users);",
            ),
            "values of posts.user_id",
        ),
    ]);
}

const SEARCH: &str = "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
    CREATE VIRTUAL TABLE search USING fts5(title, body);
    CREATE TRIGGER notes_new AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, title, body) VALUES (new.id, new.title, new.body); END;";

#[test]
fn an_index_of_words_may_be_filled_again() {
    nothing_is_found(&[
        history(
            "another tokenizer",
            SEARCH,
            "DROP TRIGGER notes_new; DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5(title, body, tokenize = 'porter');
             INSERT INTO search(rowid, title, body) SELECT id, title, body FROM notes;",
        ),
        history(
            "without rowids",
            SEARCH,
            "DROP TRIGGER notes_new; DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5(id UNINDEXED, title, body);
             INSERT INTO search SELECT id, title, body FROM notes ORDER BY title;",
        ),
        history(
            "fewer columns",
            SEARCH,
            "DROP TRIGGER notes_new; DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5(body);
             INSERT INTO search(rowid, body) SELECT id, body FROM notes;",
        ),
        history("no more", SEARCH, "DROP TRIGGER notes_new; DROP TABLE search;"),
    ]);
    each_is_found(&[
        (
            history(
                "not filled",
                SEARCH,
                "DROP TRIGGER notes_new; DROP TABLE search; CREATE VIRTUAL TABLE search USING fts5(title, body, tokenize = 'porter');",
            ),
            "search",
        ),
        (
            history(
                "the only place",
                "CREATE VIRTUAL TABLE search USING fts5(title, body); CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
                 CREATE TRIGGER notes_new AFTER INSERT ON notes BEGIN INSERT INTO search(rowid, title, body) VALUES (new.id, new.title, 'x' || new.body); END;",
                "DROP TRIGGER notes_new; DROP TABLE search;",
            ),
            "drops the table search",
        ),
    ]);
}

#[test]
fn numbers_that_a_float_holds_are_kept() {
    nothing_is_found(&[
        history(
            "decimals become floats",
            "CREATE TABLE prices(id INTEGER PRIMARY KEY, amount DECIMAL(10, 2) NOT NULL);",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, amount REAL NOT NULL); INSERT INTO new SELECT id, amount FROM prices;
             DROP TABLE prices; ALTER TABLE new RENAME TO prices;",
        ),
        history(
            "floats move",
            "CREATE TABLE prices(id INTEGER PRIMARY KEY, amount REAL NOT NULL, rate FLOAT);",
            "CREATE TABLE new(id INTEGER PRIMARY KEY, amount DOUBLE NOT NULL, rate NUMERIC); INSERT INTO new SELECT id, amount, rate FROM prices;
             DROP TABLE prices; ALTER TABLE new RENAME TO prices;",
        ),
    ]);
}
