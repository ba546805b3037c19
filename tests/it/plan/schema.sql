CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, city TEXT, born INT, email TEXT UNIQUE, data TEXT);
CREATE INDEX people_city ON people(city, born);
CREATE INDEX people_lower ON people(lower(name));
CREATE TABLE orders(id INTEGER PRIMARY KEY, person_id INT REFERENCES people(id) ON DELETE CASCADE,
                    status TEXT NOT NULL DEFAULT 'open', total INT, at INT);
CREATE INDEX orders_person ON orders(person_id);
CREATE INDEX orders_open ON orders(at) WHERE status = 'open';
CREATE TABLE lines(order_id INT NOT NULL REFERENCES orders(id) ON DELETE CASCADE, product TEXT, count INT);
CREATE TABLE products(code TEXT PRIMARY KEY, title TEXT, price INT) WITHOUT ROWID;
CREATE INDEX products_price ON products(price);
CREATE TABLE notes(person_id INT REFERENCES people(id) ON DELETE SET NULL, text TEXT);
CREATE INDEX notes_person ON notes(person_id);
CREATE TABLE log(what TEXT, at INT);
CREATE TABLE tree(id INTEGER PRIMARY KEY, parent INT REFERENCES tree(id) ON DELETE CASCADE, title TEXT);
CREATE INDEX tree_parent ON tree(parent);
CREATE TABLE skips(kind INT, code INT, x);
CREATE INDEX skips_kind_code ON skips(kind, code);
CREATE TABLE big(id INTEGER PRIMARY KEY, small_id INT, x INT, y INT);
CREATE INDEX big_x ON big(x);
CREATE VIEW open_orders AS SELECT o.id, o.total, p.name FROM orders AS o JOIN people AS p ON p.id = o.person_id
    WHERE o.status = 'open' AND o.at > 0;
CREATE VIEW totals AS SELECT person_id, sum(total) AS total FROM orders GROUP BY person_id;
CREATE VIEW writable AS SELECT id, name FROM people;
CREATE TRIGGER people_renamed AFTER UPDATE OF name ON people BEGIN
    UPDATE orders SET total = total + 1 WHERE status = new.name;
    INSERT INTO log SELECT name, 0 FROM people WHERE city = old.city;
END;
CREATE TRIGGER log_trimmed AFTER INSERT ON log WHEN (SELECT count(*) FROM log) > 1000 BEGIN
    DELETE FROM log WHERE at < new.at - 1000;
END;
CREATE TRIGGER writable_written INSTEAD OF UPDATE ON writable BEGIN
    UPDATE people SET city = new.name WHERE id = old.id;
END;
CREATE VIRTUAL TABLE texts USING fts5(title, body);
CREATE VIRTUAL TABLE old_texts USING fts4(body);
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1);
CREATE TEMP TABLE chosen(id INTEGER PRIMARY KEY, person INT);
ANALYZE main.skips;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 VALUES ('skips', 'skips_kind_code', '100000 40000 20'), ('big', 'big_x', '1000000 10');
ANALYZE sqlite_schema;
