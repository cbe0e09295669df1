-- "Trovato": community and marketplace, Ruby on Rails 7 (structure.sql and seed in one).
-- Plain SQL for PostgreSQL 15, empty database, superuser.

set synchronous_commit = off;
select setseed(0.31);

-- ---------------------------------------------------------------- data helpers (dropped at the end)
create function _first(i int) returns text language sql immutable as
$$ select (array['Anna','Luca','Maja','Theo','Aylin','Piotr','Chiara','Noah','Elif','Simon','Freya','Marco','Julia','Henrik','Amira','David','Zoe','Matteo','Carla','Nils','Irina'])[1 + i % 21] $$;
create function _last(i int) returns text language sql immutable as
$$ select (array['Kern','Rossi','Nowak','Berg','Yilmaz','Martin','Costa','Lund','Huber','Silva','Graf','Conti','Dahl','Peters','Ricci','Wolf','Haas'])[1 + (i * 5) % 17] $$;
create function _mail(i int) returns text language sql immutable as
$$ select lower(_first(i)) || '.' || lower(left(_last(i), 1)) || i || '@example.org' $$;
create function _nick(i int) returns text language sql immutable as
$$ select lower(_first(i)) || (array['_','-',''])[1 + i % 3] || (10 + i) $$;
create function _phone(i int) returns text language sql immutable as
$$ select '+49 17' || (i % 10) || ' ' || (1000000 + (i * 7919) % 8999999) $$;
create function _iban(i int) returns text language sql immutable as
$$ select 'DE' || (10 + i % 89) || '370400440' || lpad(((i::bigint * 104729) % 999999999)::text, 9, '0') || (i % 10) $$;
create function _r(n int) returns bigint language sql volatile as
$$ select (1 + floor(random() * n))::bigint $$;
create function _skew(n int) returns bigint language sql volatile as
$$ select (1 + floor(random() * random() * n))::bigint $$;
create function _ago(days int) returns timestamp language sql volatile as
$$ select date_trunc('second', timestamp '2025-11-01 12:00' - random() * days * interval '1 day') $$;

-- ---------------------------------------------------------------- framework
create table schema_migrations (version character varying not null primary key);
insert into schema_migrations select (20190101000000 + i * 10317)::text from generate_series(1, 240) i;
create table ar_internal_metadata (key character varying not null primary key, value character varying, created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into ar_internal_metadata values ('environment', 'production', '2019-01-01', '2019-01-01'), ('schema_sha1', 'f00dfeed', '2019-01-01', '2019-01-01');
create table flipper_features (id bigserial primary key, key character varying not null unique, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
create table flipper_gates (id bigserial primary key, feature_key character varying not null, key character varying not null, value text, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now(), unique (feature_key, key, value));
insert into flipper_features (key) select 'feature_' || i from generate_series(1, 14) i;
insert into flipper_gates (feature_key, key, value) select 'feature_' || (1 + i % 14), case when i % 5 = 0 then 'percentage_of_actors' else 'actors' end, case when i % 5 = 0 then (i % 100)::text else 'User;' || i * 3 end from generate_series(1, 60) i;

-- ---------------------------------------------------------------- people
create table companies (
  id bigserial primary key, name character varying not null, vat_id character varying, contact_name character varying, contact_email character varying,
  contact_user_id bigint, account_manager_id bigint, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
create table users (
  id bigserial primary key,
  email character varying not null default '', encrypted_password character varying not null default '', username character varying not null,
  first_name character varying, last_name character varying, phone character varying, birthday date,
  role character varying not null default 'member',          -- member, seller, moderator, admin
  company_id bigint references companies,
  invited_by_id bigint references users, suspended_by_id bigint references users, suspended_at timestamp(6),
  reset_password_token character varying unique, confirmation_token character varying, unconfirmed_email character varying,
  sign_in_count integer not null default 0, current_sign_in_at timestamp(6), current_sign_in_ip inet, last_sign_in_ip inet,
  locale character varying not null default 'de', settings jsonb not null default '{}',
  deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
create unique index index_users_on_email on users (email);
create unique index index_users_on_username on users (lower(username));
insert into companies (name, vat_id, contact_name, contact_email) select 'Atelier ' || _last(i) || ' GmbH', 'DE8' || (10000000 + i * 31), _first(20 + i * 7) || ' ' || _last(20 + i * 7), _mail(20 + i * 7) from generate_series(1, 16) i;
insert into users (email, encrypted_password, username, first_name, last_name, phone, birthday, role, company_id, invited_by_id, sign_in_count, current_sign_in_at, current_sign_in_ip, last_sign_in_ip, settings, deleted_at, created_at, updated_at)
select _mail(i), '$2a$12$' || md5(i::text) || md5('x' || i), _nick(i), _first(i), _last(i), case when i % 3 <> 0 then _phone(i) end, case when i % 4 <> 0 then date '1960-01-01' + (i * 97) % 16000 end,
  case when i <= 4 then 'admin' when i <= 10 then 'moderator' when i <= 55 then 'seller' else 'member' end, case when (i - 20) % 7 = 0 and i between 27 and 132 then (i - 20) / 7 end,
  case when i > 60 and i % 4 = 0 then i / 2 end, i % 90, _ago(60), ('84.' || i % 250 || '.3.' || i % 200)::inet, ('84.' || i % 250 || '.3.' || i % 199)::inet,
  jsonb_build_object('theme', 'dark', 'signature', _first(i) || ' from ' || (array['Köln','Wien','Basel'])[1 + i % 3]), case when i % 31 = 0 then _ago(200) end, t, t
from (select i, _ago(2200) t from generate_series(1, 220) i) x;
update users set suspended_by_id = 5 + id % 6, suspended_at = _ago(300) where id in (77, 101, 140, 166, 199);
update companies set contact_user_id = 20 + id * 7, account_manager_id = 1 + id % 4;
alter table companies add constraint fk_rails_companies_contact foreign key (contact_user_id) references users;

create table profiles (id bigserial primary key, user_id bigint not null unique references users, headline character varying, bio text, website character varying, city character varying, lat numeric(9,6), lng numeric(9,6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into profiles (user_id, headline, bio, website, city) select id, 'Maker', 'Hi, I am ' || first_name, 'https://' || username || '.example', (array['Köln','Wien','Basel'])[1 + id % 3] from users where id % 9 <> 0;
create table addresses (id bigserial primary key, addressable_type character varying not null, addressable_id bigint not null, kind integer not null default 0, full_name character varying, street character varying, zip character varying, city character varying, country_code character varying(2), phone character varying, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
create index index_addresses_on_addressable on addresses (addressable_type, addressable_id);
insert into addresses (addressable_type, addressable_id, kind, full_name, street, zip, city, country_code, phone) select 'User', u.id, k, first_name || ' ' || last_name, 'Ringstr. ' || u.id, (50000 + u.id)::text, 'Köln', 'DE', phone from users u, generate_series(0, 1) k where k = 0 or u.id % 4 = 0;
insert into addresses (addressable_type, addressable_id, full_name, street, zip, city, country_code) select 'Company', id, name, 'Werkhof ' || id, '50667', 'Köln', 'DE' from companies;
create table identities (id bigserial primary key, user_id bigint not null references users on delete cascade, provider character varying not null, uid character varying not null, info jsonb, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now(), unique (provider, uid));
insert into identities (user_id, provider, uid, info) select id, (array['google_oauth2','apple'])[1 + id % 2], (1000000000 + id * 7919)::text, jsonb_build_object('email', email, 'name', first_name || ' ' || last_name) from users where id % 3 = 0;
create table login_activities (id bigserial primary key, scope character varying, strategy character varying, identity character varying, success boolean, failure_reason character varying, user_type character varying, user_id bigint, ip character varying, user_agent text, city character varying, created_at timestamp(6));
insert into login_activities (scope, strategy, identity, success, failure_reason, user_type, user_id, ip, user_agent, created_at) select 'user', 'database_authenticatable', u.email, i % 8 <> 0, case when i % 8 = 0 then 'invalid' end, case when i % 8 <> 0 then 'User' end, case when i % 8 <> 0 then u.id end, '84.' || u.id % 250 || '.3.9', 'Mozilla/5.0', _ago(200) from generate_series(1, 2500) i join users u on u.id = 1 + (i * 37) % 220;
create table push_devices (id bigserial primary key, owner_id bigint not null references users on delete cascade, platform character varying, token character varying not null unique, last_seen_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into push_devices (owner_id, platform, token, last_seen_at) select 1 + (i * 7) % 220, (array['ios','android'])[1 + i % 2], md5('pd' || i), _ago(90) from generate_series(1, 190) i;
create table blocks (id bigserial primary key, blocker_id bigint not null references users, blocked_id bigint not null references users, created_at timestamp(6) not null default now(), unique (blocker_id, blocked_id));
insert into blocks (blocker_id, blocked_id) select _r(220), _r(220) from generate_series(1, 110) on conflict do nothing;
create table interests (id bigserial primary key, name character varying not null unique, position integer);
insert into interests (name, position) select (array['Ceramics','Wood','Textile','Prints','Plants','Bikes','Vinyl','Books','Lamps','Games'])[i], i from generate_series(1, 10) i;
create table interests_users (interest_id bigint not null, user_id bigint not null);
create index index_interests_users_on_user_id on interests_users (user_id);
insert into interests_users select 1 + (u.id * k) % 10, u.id from users u, generate_series(1, 3) k where u.id % 5 <> 0;
create table badges (id bigserial primary key, name character varying not null, description text, created_by_id bigint references users, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into badges (name, description, created_by_id) select 'Badge ' || i, 'For ' || i * 10 || ' sales', 1 + i % 2 from generate_series(1, 12) i;
create table user_badges (id bigserial primary key, recipient_id bigint not null references users on delete cascade, badge_id bigint not null references badges, awarded_by_id bigint references users, note character varying, created_at timestamp(6) not null default now());
insert into user_badges (recipient_id, badge_id, awarded_by_id) select _r(220), 1 + i % 12, case when i % 3 <> 0 then 1 + i % 10 end from generate_series(1, 340) i;
create table referrals (id bigserial primary key, referrer_id bigint not null references users, referred_id bigint references users on delete set null, referred_email character varying, code character varying not null, rewarded_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into referrals (referrer_id, referred_id, referred_email, code, rewarded_at) select invited_by_id, id, email, upper(left(md5(id::text), 8)), _ago(300) from users where invited_by_id is not null;
insert into referrals (referrer_id, referred_email, code) select _r(220), _mail(500 + i), upper(left(md5('r' || i), 8)) from generate_series(1, 90) i;
create table legacy_members (member_no integer, nick text, mail text, pw_md5 text, joined date, plz text, migrated_user_id bigint);
insert into legacy_members select 4000 + i, _nick(i), _mail(i), md5('pw' || i), date '2012-01-01' + i * 5, (50000 + i)::text, case when i <= 220 then i end from generate_series(40, 320, 2) i;

-- ---------------------------------------------------------------- community
create table groups (id bigserial primary key, name character varying not null, slug character varying not null unique, description text, owner_id bigint references users, visibility integer not null default 0, memberships_count integer not null default 0, deleted_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into groups (name, slug, description, owner_id) select 'Circle ' || i, 'circle-' || i, 'All about ' || i, 11 + (i * 3) % 60 from generate_series(1, 26) i;
create table memberships (id bigserial primary key, group_id bigint not null references groups on delete cascade, user_id bigint not null references users, role integer not null default 0, approved_by_id bigint, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now(), unique (group_id, user_id));
insert into memberships (group_id, user_id, role, approved_by_id) select 1 + i % 26, _r(220), i % 20 / 19, case when i % 3 = 0 then 11 + (i % 26 * 3) % 60 end from generate_series(1, 900) i on conflict do nothing;
create table topics (id bigserial primary key, group_id bigint references groups, user_id bigint not null references users, title character varying not null, slug character varying, pinned boolean not null default false, locked_by_id bigint references users, posts_count integer default 0, deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into topics (group_id, user_id, title, slug, locked_by_id, deleted_at, created_at, updated_at) select 1 + i % 26, _r(220), 'Topic no. ' || i, 'topic-' || i, case when i % 25 = 0 then 5 + i % 6 end, case when i % 40 = 0 then t end, t, t from (select i, _ago(900) t from generate_series(1, 320) i) x;
create table posts (id bigserial primary key, topic_id bigint not null references topics on delete cascade, author_id bigint not null references users, body text, edited_by_id bigint references users, edited_at timestamp(6), reply_to_id bigint references posts on delete set null, deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into posts (topic_id, author_id, body, edited_by_id, reply_to_id, deleted_at, created_at, updated_at) select _r(320), _r(220), 'I would sand it first, @' || _nick(i % 220 + 1), case when i % 14 = 0 then 5 + i % 6 end, case when i % 5 = 0 then i - 3 end, case when i % 60 = 0 then now() end, t, t from (select i, _ago(900) t from generate_series(1, 2400) i) x;
create table polls (id bigserial primary key, post_id bigint not null references posts on delete cascade, question character varying not null, options jsonb not null, closes_at timestamp(6), created_at timestamp(6) not null default now());
insert into polls (post_id, question, options) select i * 31, 'Which one?', '["A","B","C"]' from generate_series(1, 60) i;
create table poll_votes (poll_id bigint not null references polls on delete cascade, voter_id bigint not null references users on delete cascade, choice integer not null, created_at timestamp(6) not null default now(), primary key (poll_id, voter_id));
insert into poll_votes (poll_id, voter_id, choice) select _r(60), _r(220), i % 3 from generate_series(1, 800) i on conflict do nothing;
create table events (id bigserial primary key, group_id bigint references groups, organizer_id bigint not null references users, title character varying not null, venue character varying, starts_at timestamp(6), capacity integer, cancelled_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into events (group_id, organizer_id, title, venue, starts_at, capacity) select 1 + i % 26, _r(90), 'Meetup ' || i, 'Hall ' || i % 5, _ago(300), 30 from generate_series(1, 70) i;
create table event_rsvps (event_id bigint not null references events on delete cascade, user_id bigint not null references users, status integer not null default 0, guests integer not null default 0, created_at timestamp(6) not null default now(), primary key (event_id, user_id));
insert into event_rsvps (event_id, user_id, status) select _r(70), _r(220), i % 3 from generate_series(1, 620) i on conflict do nothing;

-- ---------------------------------------------------------------- marketplace catalogue
create table categories (id bigserial primary key, name character varying not null, slug character varying unique, parent_id bigint references categories, position integer, created_by_id bigint references users, updated_by_id bigint references users, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into categories (name, slug, parent_id, position, created_by_id, updated_by_id) select 'Category ' || i, 'category-' || i, case when i > 8 then 1 + i % 8 end, i, 1 + i % 3, case when i % 2 = 0 then 1 + i % 4 end from generate_series(1, 48) i;
create table shops (id bigserial primary key, owner_id bigint not null references users, name character varying not null, slug character varying unique, imprint text, public_email character varying, verified_by_id bigint references users, verified_at timestamp(6), deleted_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into shops (owner_id, name, slug, imprint, public_email, verified_by_id) select id, 'Studio ' || last_name || ' ' || id, 'studio-' || id, first_name || ' ' || last_name || ', Ringstr. ' || id || ', Köln', email, case when id % 3 <> 0 then 1 + id % 4 end from users where role = 'seller' and id % 5 <> 0;
create table shop_members (id bigserial primary key, shop_id bigint not null references shops on delete cascade, user_id bigint not null references users on delete cascade, role character varying not null default 'editor', invited_by_id bigint references users, created_at timestamp(6) not null default now(), unique (shop_id, user_id));
insert into shop_members (shop_id, user_id, role) select id, owner_id, 'owner' from shops;
insert into shop_members (shop_id, user_id, role, invited_by_id) select id, 60 + (id * 7) % 100, 'editor', owner_id from shops where id % 2 = 0;
create table listings (
  id bigserial primary key, seller_id bigint not null references users, shop_id bigint references shops, title character varying not null, description text, price_cents integer not null, currency character varying(3) not null default 'EUR', state character varying not null default 'live',
  created_by_id bigint, updated_by_id bigint, approved_by_id bigint references users, rejected_reason character varying, deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into listings (seller_id, shop_id, title, description, price_cents, state, created_by_id, updated_by_id, approved_by_id, deleted_at, created_at, updated_at)
select u.id, s.id, 'Handmade thing ' || i, 'Made by ' || u.first_name || ' in a small studio', 500 + i * 13 % 9000, (array['live','live','sold','draft'])[1 + i % 4], u.id, case when i % 5 = 0 then 5 + i % 6 else u.id end, case when i % 4 <> 3 then 5 + i % 6 end, case when i % 33 = 0 then t end, t, t
from (select i, _ago(800) t, case when i % 3 = 0 then 56 + (i * 11) % 163 else 11 + (i * 7) % 45 end uid from generate_series(1, 900) i) x join users u on u.id = x.uid left join shops s on s.owner_id = u.id;
create table categories_listings (category_id bigint not null references categories, listing_id bigint not null references listings on delete cascade, primary key (category_id, listing_id));
insert into categories_listings select 1 + (id * k) % 48, id from listings, generate_series(1, 2) k on conflict do nothing;
create table favorites (id bigserial primary key, user_id bigint not null references users on delete cascade, listing_id bigint not null references listings on delete cascade, created_at timestamp(6) not null default now(), unique (user_id, listing_id));
insert into favorites (user_id, listing_id) select _r(220), _skew(900) from generate_series(1, 1800) on conflict do nothing;
create table offers (id bigserial primary key, listing_id bigint not null references listings, buyer_id bigint not null references users, amount_cents integer not null, message text, state character varying not null default 'pending', responded_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into offers (listing_id, buyer_id, amount_cents, message, state) select _r(900), _r(220), 400 + i % 5000, 'Would you take a bit less?', (array['pending','accepted','declined'])[1 + i % 3] from generate_series(1, 480) i;
create table tags (id bigserial primary key, name character varying not null unique, taggings_count integer default 0, created_by_id bigint, created_at timestamp(6) not null default now());
insert into tags (name, created_by_id) select 'tag-' || i, case when i % 2 = 0 then 1 + i % 10 else 11 + i % 40 end from generate_series(1, 90) i;
create table taggings (id bigserial primary key, tag_id bigint references tags, taggable_type character varying, taggable_id bigint, tagger_type character varying, tagger_id bigint, context character varying(128), created_at timestamp(6));
insert into taggings (tag_id, taggable_type, taggable_id, tagger_type, tagger_id, context, created_at) select _r(90), case when i % 3 = 0 then 'Topic' else 'Listing' end, case when i % 3 = 0 then _r(320) else _r(900) end, case when i % 4 = 0 then 'User' end, case when i % 4 = 0 then 5 + i % 6 end, 'tags', _ago(700) from generate_series(1, 1600) i;

-- ---------------------------------------------------------------- polymorphic odds and ends
create table comments (id bigserial primary key, commentable_type character varying not null, commentable_id bigint not null, user_id bigint references users, parent_id bigint references comments on delete cascade, body text not null, deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
create index index_comments_on_commentable on comments (commentable_type, commentable_id);
insert into comments (commentable_type, commentable_id, user_id, parent_id, body, deleted_at, created_at, updated_at) select (array['Listing','Event','Profile'])[1 + i % 3], case i % 3 when 0 then _r(900) when 1 then _r(70) else _r(190) end, case when i % 30 <> 0 then _r(220) end, case when i % 6 = 0 then i - 3 end, 'Lovely, is it still there?', case when i % 50 = 0 then t end, t, t from (select i, _ago(700) t from generate_series(1, 2000) i) x;
create table reactions (id bigserial primary key, reactable_type character varying not null, reactable_id bigint not null, user_id bigint not null references users on delete cascade, emoji character varying not null, created_at timestamp(6) not null default now(), unique (reactable_type, reactable_id, user_id, emoji));
insert into reactions (reactable_type, reactable_id, user_id, emoji) select (array['Post','Comment'])[1 + i % 2], _r(2000), _r(220), (array['heart','up','laugh'])[1 + i % 3] from generate_series(1, 2600) i on conflict do nothing;
create table mentions (id bigserial primary key, mentionable_type character varying not null, mentionable_id bigint not null, mentioner_id bigint, mentioned_id bigint not null, created_at timestamp(6) not null default now());
insert into mentions (mentionable_type, mentionable_id, mentioner_id, mentioned_id) select 'Post', p.id, p.author_id, _r(220) from posts p where p.id % 4 = 0;
create table follows (id bigserial primary key, follower_id bigint not null references users, followable_type character varying not null, followable_id bigint not null, created_at timestamp(6) not null default now(), unique (follower_id, followable_type, followable_id));
insert into follows (follower_id, followable_type, followable_id) select _r(220), (array['User','User','Shop','Tag'])[1 + i % 4], case i % 4 when 2 then _r(36) when 3 then _r(90) else _r(220) end from generate_series(1, 1900) i on conflict do nothing;
create table notifications (id bigserial primary key, recipient_id bigint not null references users, actor_id bigint references users on delete set null, notifiable_type character varying, notifiable_id bigint, action character varying not null, params jsonb, read_at timestamp(6), created_at timestamp(6) not null);
insert into notifications (recipient_id, actor_id, notifiable_type, notifiable_id, action, params, read_at, created_at) select _r(220), a.id, 'Comment', _r(2000), 'commented', jsonb_build_object('actor_name', a.username), case when i % 3 <> 0 then now() end, _ago(120) from generate_series(1, 3000) i left join users a on a.id = 1 + (i * 13) % 250;
create table action_text_rich_texts (id bigserial primary key, name character varying not null, body text, record_type character varying not null, record_id bigint not null, created_at timestamp(6) not null, updated_at timestamp(6) not null, unique (record_type, record_id, name));
insert into action_text_rich_texts (name, body, record_type, record_id, created_at, updated_at) select 'content', '<div>Hello from ' || _first(i) || '</div>', case when i % 10 = 0 then 'Announcement' else 'Listing' end, case when i % 10 = 0 then i / 10 else i end, now(), now() from generate_series(1, 400) i;
create table active_storage_blobs (id bigserial primary key, key character varying not null unique, filename character varying not null, content_type character varying, metadata text, service_name character varying not null, byte_size bigint not null, checksum character varying, created_at timestamp(6) not null);
insert into active_storage_blobs (key, filename, content_type, metadata, service_name, byte_size, checksum, created_at) select md5('k' || i), case when i % 3 = 0 then lower(_first(i)) || '-portrait.jpg' else 'IMG_' || (2000 + i) || '.jpg' end, 'image/jpeg', '{"identified":true}', 'amazon', 10000 + i * 37, md5('c' || i), _ago(900) from generate_series(1, 1100) i;
create table active_storage_attachments (id bigserial primary key, name character varying not null, record_type character varying not null, record_id bigint not null, blob_id bigint not null references active_storage_blobs, created_at timestamp(6) not null, unique (record_type, record_id, name, blob_id));
insert into active_storage_attachments (name, record_type, record_id, blob_id, created_at) select case when i % 5 = 0 then 'avatar' when i % 11 = 0 then 'icon' else 'photos' end, case when i % 5 = 0 then 'User' when i % 11 = 0 then 'Category' when i % 7 = 0 then 'Message' else 'Listing' end, case when i % 5 = 0 then i / 5 when i % 11 = 0 then 1 + i % 48 when i % 7 = 0 then _r(1800) else _r(900) end, i, _ago(900) from generate_series(1, 1100) i;
create table active_storage_variant_records (id bigserial primary key, blob_id bigint not null references active_storage_blobs, variation_digest character varying not null, unique (blob_id, variation_digest));
insert into active_storage_variant_records (blob_id, variation_digest) select i, md5('v' || k) from generate_series(1, 1100, 2) i, generate_series(1, 2) k;
create table friendly_id_slugs (id bigserial primary key, slug character varying not null, sluggable_id integer not null, sluggable_type character varying(50), scope character varying, created_at timestamp(6));
insert into friendly_id_slugs (slug, sluggable_id, sluggable_type, created_at) select username, id, 'User', created_at from users;
insert into friendly_id_slugs (slug, sluggable_id, sluggable_type, created_at) select slug, id, 'Category', created_at from categories;

-- ---------------------------------------------------------------- messages
create table conversations (id bigserial primary key, subject character varying, listing_id bigint references listings on delete set null, last_message_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into conversations (subject, listing_id, last_message_at) select 'About item ' || i, case when i % 3 <> 0 then _r(900) end, _ago(200) from generate_series(1, 420) i;
create table conversation_participants (conversation_id bigint not null references conversations on delete cascade, user_id bigint not null references users, muted boolean not null default false, last_read_at timestamp(6), primary key (conversation_id, user_id));
insert into conversation_participants (conversation_id, user_id) select c.id, 1 + (c.id * 17 + k * 53) % 220 from conversations c, generate_series(0, 2) k where k < 2 or c.id % 6 = 0;
create table messages (id bigserial primary key, conversation_id bigint not null references conversations, sender_id bigint not null references users, body text, read_at timestamp(6), deleted_at timestamp(6), created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into messages (conversation_id, sender_id, body, created_at, updated_at) select c, 1 + (c * 17 + (i % 2) * 53) % 220, 'Hi ' || _first(i) || ', can I pick it up on Friday?', t, t from (select i, 1 + (i * 7) % 420 c, _ago(400) t from generate_series(1, 1900) i) x;
create table direct_messages (id bigserial primary key, sender_id bigint not null references users, recipient_id bigint not null references users, body text not null, seen_at timestamp(6), hidden_for_sender boolean not null default false, created_at timestamp(6) not null);
insert into direct_messages (sender_id, recipient_id, body, created_at) select _r(220), _r(220), 'see you at the market', _ago(1500) from generate_series(1, 700);

-- ---------------------------------------------------------------- orders and money
create table tax_rates (id bigserial primary key, country_code character varying(2) not null, percent numeric(5,2) not null, valid_from date not null, updated_by_id bigint references users);
insert into tax_rates (country_code, percent, valid_from, updated_by_id) values ('DE',19,'2021-01-01',1),('DE',7,'2021-01-01',1),('AT',20,'2016-01-01',2),('CH',8.1,'2024-01-01',1);
create table coupons (id bigserial primary key, code character varying not null unique, percent integer, expires_at timestamp(6), max_uses integer, created_by_id bigint not null references users, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into coupons (code, percent, expires_at, max_uses, created_by_id) select 'SAVE' || i, 5 + i % 20, now() + interval '90 days', 500, 1 + i % 4 from generate_series(1, 30) i;
create table orders (
  id bigserial primary key, number character varying not null unique, buyer_id bigint references users, seller_id bigint not null references users, billing_address_id bigint references addresses,
  ship_to_name character varying, ship_to_street character varying, ship_to_city character varying, contact_email character varying, contact_phone character varying,
  total_cents integer not null, fee_cents integer not null default 0, state character varying not null, gift_note text, cancelled_by_id bigint references users, placed_at timestamp(6) not null, created_at timestamp(6) not null, updated_at timestamp(6) not null);
comment on column orders.buyer_id is 'NULL for guest checkout';
insert into orders (number, buyer_id, seller_id, billing_address_id, ship_to_name, ship_to_street, ship_to_city, contact_email, contact_phone, total_cents, fee_cents, state, gift_note, cancelled_by_id, placed_at, created_at, updated_at)
select 'T' || (100000 + i), case when i % 12 <> 0 then b.id end, l.seller_id, case when i % 12 <> 0 then a.id end, b.first_name || ' ' || b.last_name, 'Ringstr. ' || b.id, 'Köln', case when i % 12 <> 0 then b.email else _mail(600 + i) end, b.phone, l.price_cents, l.price_cents / 10,
  (array['paid','shipped','completed','completed','cancelled'])[1 + i % 5], case when i % 15 = 0 then 'Happy birthday, ' || _first(i + 3) end, case when i % 5 = 4 then case when i % 2 = 0 then b.id else 2 end end, t, t, t
from (select i, _ago(700) t, 1 + (i * 19) % 220 bid, 1 + (i * 23) % 900 lid from generate_series(1, 1500) i) x join users b on b.id = x.bid join listings l on l.id = x.lid left join addresses a on a.addressable_type = 'User' and a.addressable_id = b.id and a.kind = 0;
create table order_items (id bigserial primary key, order_id bigint not null references orders on delete cascade, listing_id bigint references listings on delete set null, title character varying not null, quantity integer not null default 1, price_cents integer not null, tax_rate_id bigint references tax_rates);
insert into order_items (order_id, listing_id, title, price_cents, tax_rate_id) select o.id, 1 + (o.id * 23) % 900, 'Handmade thing', o.total_cents, 1 + o.id % 2 from orders o;
create table shipments (id bigserial primary key, order_id bigint not null references orders, carrier character varying, tracking_number character varying, recipient_name character varying, recipient_address text, shipped_at timestamp(6), delivered_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into shipments (order_id, carrier, tracking_number, recipient_name, recipient_address, shipped_at) select id, (array['DHL','GLS'])[1 + id % 2], 'JD' || (100000000 + id * 77), ship_to_name, ship_to_street || ', ' || ship_to_city, placed_at + interval '2 days' from orders where state in ('shipped', 'completed');
create table payments (id bigserial primary key, order_id bigint not null references orders, payer_id bigint references users, provider character varying not null, provider_ref character varying, amount_cents integer not null, card_holder character varying, card_last4 character varying(4), state character varying not null, created_at timestamp(6) not null, updated_at timestamp(6) not null);
insert into payments (order_id, payer_id, provider, provider_ref, amount_cents, card_holder, card_last4, state, created_at, updated_at) select id, buyer_id, 'stripe', 'pi_' || md5(id::text), total_cents, upper(ship_to_name), lpad((id % 9999)::text, 4, '0'), 'succeeded', placed_at, placed_at from orders;
create table refunds (id bigserial primary key, payment_id bigint not null references payments, amount_cents integer not null, reason character varying, requested_by_id bigint, issued_by_id bigint references users, created_at timestamp(6) not null default now());
insert into refunds (payment_id, amount_cents, reason, requested_by_id, issued_by_id) select id, amount_cents, 'not as described', payer_id, 1 + id % 4 from payments where id % 17 = 0;
create table payout_accounts (id bigserial primary key, user_id bigint not null references users, holder_name character varying, iban character varying, stripe_account character varying, verified_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into payout_accounts (user_id, holder_name, iban, stripe_account) select id, first_name || ' ' || last_name, _iban(id::int), 'acct_' || left(md5(id::text), 12) from users where id in (select seller_id from listings);
create table payouts (id bigserial primary key, seller_id bigint not null references users, payout_account_id bigint references payout_accounts, amount_cents integer not null, iban_snapshot character varying, period daterange, approved_by_id bigint references users, paid_at timestamp(6), created_at timestamp(6) not null default now());
insert into payouts (seller_id, payout_account_id, amount_cents, iban_snapshot, approved_by_id, paid_at) select a.user_id, a.id, 1000 + a.id * k, a.iban, 1 + k % 4, _ago(300) from payout_accounts a, generate_series(1, 4) k;
create table invoices (id bigserial primary key, number character varying not null unique, order_id bigint references orders, user_id bigint references users, contact_name character varying, contact_email character varying, net_cents integer not null, tax_cents integer not null, issued_on date not null, created_at timestamp(6) not null default now());
insert into invoices (number, order_id, user_id, contact_name, contact_email, net_cents, tax_cents, issued_on) select 'INV-' || id, id, buyer_id, ship_to_name, contact_email, total_cents, total_cents / 5, placed_at::date from orders where state <> 'cancelled';
create table orders_archive_2018 (old_id bigint, number text, customer_id bigint, customer_name text, customer_email text, total_cents integer, placed_on date);
insert into orders_archive_2018 select i, 'A' || i, 1 + (i * 3) % 220, _first(1 + (i * 3) % 220) || ' ' || _last(1 + (i * 3) % 220), _mail(1 + (i * 3) % 220), 900 + i, date '2018-01-01' + i % 360 from generate_series(1, 600) i;
create table coupon_redemptions (id bigserial primary key, coupon_id bigint not null references coupons, user_id bigint not null references users, order_id bigint references orders, created_at timestamp(6) not null default now());
insert into coupon_redemptions (coupon_id, user_id, order_id) select 1 + id % 30, buyer_id, id from orders where id % 7 = 0 and buyer_id is not null;
create table gift_cards (id bigserial primary key, code character varying not null unique, purchaser_id bigint references users, redeemed_by_id bigint references users, recipient_name character varying, recipient_email character varying, message text, amount_cents integer not null, balance_cents integer not null, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into gift_cards (code, purchaser_id, redeemed_by_id, recipient_name, recipient_email, message, amount_cents, balance_cents) select upper(left(md5('g' || i), 12)), _r(220), case when i % 2 = 0 then 1 + (i * 3) % 220 end, _first(1 + (i * 3) % 220), _mail(1 + (i * 3) % 220), 'Enjoy, ' || _first(1 + (i * 3) % 220), 2500, case when i % 2 = 0 then 0 else 2500 end from generate_series(1, 130) i;
create table wallet_transfers (id bigserial primary key, from_user_id bigint references users, to_user_id bigint references users, order_id bigint references orders, amount_cents integer not null, memo character varying, created_at timestamp(6) not null);
insert into wallet_transfers (from_user_id, to_user_id, order_id, amount_cents, memo, created_at) select buyer_id, seller_id, id, total_cents - fee_cents, number || ' ' || ship_to_name, placed_at from orders where state = 'completed';
create table stripe_events (id character varying primary key, event_type character varying not null, payload jsonb not null, processed_at timestamp(6), created_at timestamp(6) not null);
insert into stripe_events select 'evt_' || md5(id::text), 'charge.succeeded', jsonb_build_object('data', jsonb_build_object('billing_details', jsonb_build_object('name', ship_to_name, 'email', contact_email), 'amount', total_cents)), placed_at, placed_at from orders;
create table disputes (id bigserial primary key, order_id bigint not null references orders, opened_by_id bigint not null references users, respondent_id bigint not null references users, assigned_admin_id bigint references users, description text, resolution character varying, closed_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into disputes (order_id, opened_by_id, respondent_id, assigned_admin_id, description, resolution) select id, buyer_id, seller_id, 1 + id % 10, 'Parcel was broken, ' || ship_to_name, 'refund' from orders where id % 19 = 0 and buyer_id is not null;
create table dispute_messages (id bigserial primary key, dispute_id bigint not null references disputes on delete cascade, author_id bigint not null references users, body text not null, internal boolean not null default false, created_at timestamp(6) not null default now());
insert into dispute_messages (dispute_id, author_id, body, internal) select d.id, case k when 1 then opened_by_id when 2 then respondent_id else assigned_admin_id end, 'please see photos', k = 3 from disputes d, generate_series(1, 3) k;
create table reviews (id bigserial primary key, order_id bigint references orders on delete set null, reviewer_id bigint not null references users, reviewee_id bigint not null references users, stars integer not null, body text, reply text, hidden_by_id bigint references users, hidden_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into reviews (order_id, reviewer_id, reviewee_id, stars, body, reply, hidden_by_id) select id, buyer_id, seller_id, 1 + id % 5, 'Great seller', case when id % 4 = 0 then 'Thank you ' || ship_to_name end, case when id % 23 = 0 then 5 + id % 6 end from orders where state = 'completed' and buyer_id is not null;
create table carts (id bigserial primary key, user_id bigint references users on delete cascade, session_token character varying, coupon_id bigint references coupons, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into carts (user_id, session_token) select case when i % 3 <> 0 then 1 + (i * 3) % 220 end, md5('cart' || i) from generate_series(1, 260) i;
create table cart_items (cart_id bigint not null references carts on delete cascade, listing_id bigint not null references listings on delete cascade, quantity integer not null default 1, primary key (cart_id, listing_id));
insert into cart_items select _r(260), _r(900), 1 from generate_series(1, 600) on conflict do nothing;
create table wishlists (id bigserial primary key, name character varying not null, creator_id bigint references users on delete set null, shared_token character varying unique, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
comment on table wishlists is 'Joint lists (weddings, flats): everybody in wishlist_members may edit';
insert into wishlists (name, creator_id, shared_token) select 'List ' || i, 1 + (i * 3) % 220, md5('w' || i) from generate_series(1, 80) i;
create table wishlist_members (wishlist_id bigint not null references wishlists on delete cascade, user_id bigint not null references users on delete cascade, invited_by_id bigint, primary key (wishlist_id, user_id));
insert into wishlist_members select w.id, 1 + (w.id * 3 + k * 41) % 220, case when k > 0 then w.creator_id end from wishlists w, generate_series(0, 2) k where k < 2 or w.id % 3 = 0;
create table wishlist_items (id bigserial primary key, wishlist_id bigint not null references wishlists on delete cascade, listing_id bigint references listings on delete set null, note character varying, added_by_id bigint references users on delete set null, created_at timestamp(6) not null default now());
insert into wishlist_items (wishlist_id, listing_id, note, added_by_id) select 1 + i % 80, _r(900), 'in blue', 1 + ((1 + i % 80) * 3 + (i / 80 % 2) * 41) % 220 from generate_series(1, 420) i;
create table company_invoices (id bigserial primary key, company_id bigint not null references companies, number character varying not null unique, attn_name character varying, attn_email character varying, net_cents integer not null, issued_by_id bigint references users, issued_on date not null);
insert into company_invoices (company_id, number, attn_name, attn_email, net_cents, issued_by_id, issued_on) select c.id, 'B2B-' || i, c.contact_name, c.contact_email, 50000 + i, 1 + i % 4, date '2024-01-01' + i * 4 from generate_series(1, 140) i join companies c on c.id = 1 + i % 16;

-- ---------------------------------------------------------------- trust, support, marketing, operations
create table reports (id bigserial primary key, reporter_id bigint references users, reportable_type character varying not null, reportable_id bigint not null, reason character varying, details text, resolved_by_id bigint references users, resolved_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into reports (reporter_id, reportable_type, reportable_id, reason, details, resolved_by_id) select case when i % 9 <> 0 then _r(220) end, (array['User','Listing','Comment'])[1 + i % 3], case i % 3 when 0 then _r(220) when 1 then _r(900) else _r(2000) end, 'spam', 'This person writes to everybody', case when i % 4 <> 0 then 5 + i % 6 end from generate_series(1, 260) i;
create table moderation_actions (id bigserial primary key, moderator_id bigint not null references users, target_user_id bigint references users, kind character varying not null, reason text, report_id bigint references reports on delete set null, created_at timestamp(6) not null default now());
insert into moderation_actions (moderator_id, target_user_id, kind, reason, report_id) select 5 + i % 6, 11 + (i * 7) % 210, (array['warn','hide','suspend'])[1 + i % 3], 'rule 4', _r(260) from generate_series(1, 190) i;
create table admin_notes (id bigserial primary key, user_id bigint not null references users, member_id bigint not null references users on delete cascade, body text not null, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
comment on column admin_notes.user_id is 'author (current_user)';
insert into admin_notes (user_id, member_id, body) select 1 + i % 10, 11 + (i * 13) % 210, 'called about late payout' from generate_series(1, 230) i;
create table support_tickets (id bigserial primary key, requester_id bigint references users, requester_email character varying not null, subject character varying, state character varying not null default 'open', assignee_id bigint references users, order_id bigint references orders, closed_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into support_tickets (requester_id, requester_email, subject, state, assignee_id, order_id) select case when i % 5 <> 0 then u.id end, u.email, 'Where is my parcel', (array['open','closed'])[1 + i % 2], 1 + i % 10, case when i % 2 = 0 then _r(1500) end from generate_series(1, 330) i join users u on u.id = 1 + (i * 29) % 220;
create table ticket_replies (id bigserial primary key, ticket_id bigint not null references support_tickets on delete cascade, author_id bigint references users, body text not null, created_at timestamp(6) not null default now());
insert into ticket_replies (ticket_id, author_id, body) select t.id, case when k % 2 = 1 then t.assignee_id else t.requester_id end, 'Hello, thank you for writing' from support_tickets t, generate_series(1, 3) k;
create table canned_responses (id bigserial primary key, title character varying not null, body text, created_by_id bigint references users, updated_by_id bigint references users, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into canned_responses (title, body, created_by_id, updated_by_id) select 'Answer ' || i, 'Dear customer', 1 + i % 10, 1 + i % 4 from generate_series(1, 40) i;
create table announcements (id bigserial primary key, author_id bigint not null references users, title character varying not null, published_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into announcements (author_id, title, published_at) select 1 + i % 4, 'News ' || i, _ago(600) from generate_series(1, 50) i;
create table newsletter_subscriptions (id bigserial primary key, email character varying not null unique, list character varying not null default 'weekly', confirmed_at timestamp(6), unsubscribed_at timestamp(6), ip inet, created_at timestamp(6) not null default now());
insert into newsletter_subscriptions (email, confirmed_at, ip) select _mail(i), _ago(600), '85.1.2.3' from generate_series(1, 700, 3) i;
create table waitlist_entries (id bigserial primary key, name character varying, email character varying not null, city character varying, invited_by_user_id bigint, created_at timestamp(6) not null default now());
insert into waitlist_entries (name, email, city, invited_by_user_id) select _first(i), _mail(i), 'Graz', case when i % 4 = 0 then 1 + i % 220 end from generate_series(100, 480, 2) i;
create table email_logs (id bigserial primary key, mailer character varying not null, recipient character varying not null, subject character varying, body_excerpt text, user_id bigint, message_id character varying, sent_at timestamp(6));
insert into email_logs (mailer, recipient, subject, body_excerpt, user_id, sent_at) select 'OrderMailer', u.email, 'Your order', 'Dear ' || u.first_name, case when i % 4 <> 0 then u.id end, _ago(100) from generate_series(1, 2200) i join users u on u.id = 1 + (i * 31) % 220;
create table ahoy_visits (id bigserial primary key, visit_token character varying unique, visitor_token character varying, user_id bigint, ip character varying, user_agent text, referrer text, landing_page text, started_at timestamp(6));
insert into ahoy_visits (visit_token, visitor_token, user_id, ip, landing_page, started_at) select md5('av' || i), md5('vi' || i % 500), case when i % 3 <> 0 then 1 + (i * 41) % 220 end, '84.1.1.0', '/', _ago(90) from generate_series(1, 1800) i;
create table ahoy_events (id bigserial primary key, visit_id bigint, user_id bigint, name character varying, properties jsonb, "time" timestamp(6));
insert into ahoy_events (visit_id, user_id, name, properties, "time") select v.id, v.user_id, 'Viewed listing', jsonb_build_object('listing_id', v.id % 900), v.started_at from ahoy_visits v, generate_series(1, 2) k;
create table oauth_applications (id bigserial primary key, name character varying not null, uid character varying not null unique, secret character varying not null, owner_id bigint, owner_type character varying, redirect_uri text, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into oauth_applications (name, uid, secret, owner_id, owner_type, redirect_uri) select 'App ' || i, md5('u' || i), md5('s' || i), 1 + i * 9, 'User', 'https://app' || i || '.example/cb' from generate_series(1, 12) i;
create table oauth_access_tokens (id bigserial primary key, resource_owner_id bigint, application_id bigint not null references oauth_applications, token character varying not null unique, refresh_token character varying, expires_in integer, scopes character varying, revoked_at timestamp(6), created_at timestamp(6) not null default now());
insert into oauth_access_tokens (resource_owner_id, application_id, token, expires_in, scopes) select 1 + (i * 3) % 220, 1 + i % 12, md5('t' || i), 7200, 'read' from generate_series(1, 420) i;
create table sessions (id bigserial primary key, session_id character varying not null unique, data text, created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into sessions (session_id, data) select md5('se' || i), encode(convert_to('{"warden.user.user.key":[[' || i || '],"$2a$12$"]}', 'UTF8'), 'base64') from generate_series(1, 200) i;
create table solid_queue_jobs (id bigserial primary key, queue_name character varying not null, class_name character varying not null, arguments text, priority integer not null default 0, active_job_id character varying, scheduled_at timestamp(6), finished_at timestamp(6), created_at timestamp(6) not null default now(), updated_at timestamp(6) not null default now());
insert into solid_queue_jobs (queue_name, class_name, arguments, active_job_id, finished_at) select 'default', (array['WelcomeMailJob','ReindexJob','CleanupJob'])[1 + i % 3], case when i % 3 = 2 then '{"arguments":[]}' else '{"arguments":[{"_aj_globalid":"gid://trovato/User/' || (1 + i % 220) || '"}]}' end, gen_random_uuid()::text, case when i % 9 <> 0 then now() end from generate_series(1, 900) i;
create table versions (id bigserial primary key, item_type character varying not null, item_id bigint not null, event character varying not null, whodunnit character varying, object jsonb, object_changes jsonb, created_at timestamp(6));
create index index_versions_on_item_type_and_item_id on versions (item_type, item_id);
insert into versions (item_type, item_id, event, whodunnit, object, object_changes, created_at) select 'User', u.id, 'update', case when i % 4 = 0 then (1 + i % 4)::text when i % 4 = 3 then null else u.id::text end, jsonb_build_object('email', u.email, 'first_name', u.first_name, 'phone', u.phone), jsonb_build_object('phone', jsonb_build_array(u.phone, _phone(i))), _ago(700) from generate_series(1, 700) i join users u on u.id = 1 + (i * 3) % 220;
insert into versions (item_type, item_id, event, whodunnit, object, created_at) select 'Listing', l.id, 'update', case when l.id % 3 = 0 then (5 + l.id % 6)::text else l.seller_id::text end, jsonb_build_object('title', l.title, 'seller_id', l.seller_id), _ago(700) from listings l;
insert into versions (item_type, item_id, event, whodunnit, object, created_at) select 'Category', c.id, 'update', (1 + c.id % 4)::text, jsonb_build_object('name', c.name), _ago(700) from categories c;

drop function _nick(int);
drop function _first(int);
drop function _mail(int);
drop function _last(int);
drop function _phone(int);
drop function _iban(int);
drop function _r(int);
drop function _skew(int);
drop function _ago(int);
analyze;
