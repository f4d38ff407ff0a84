SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at bigint NOT NULL,
    project text NOT NULL COLLATE pg_catalog."C",
    run_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    action text COLLATE pg_catalog."C",
    source text COLLATE pg_catalog."C",
    target_kind text COLLATE pg_catalog."C",
    target_id text COLLATE pg_catalog."C",
    slot_kind text COLLATE pg_catalog."C",
    slot_name text COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    key_folded text NOT NULL COLLATE pg_catalog."C",
    before bytea NOT NULL,
    after bytea NOT NULL,
    rules bytea NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    evidence bytea NOT NULL,
    forced boolean NOT NULL,
    counts boolean NOT NULL
);
CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;
CREATE TABLE public.due (
    project text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    since bigint NOT NULL,
    later bigint,
    trace text COLLATE pg_catalog."C",
    tried bigint,
    tries integer,
    retry_at bigint
);
CREATE TABLE public.entity (
    source text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    container text NOT NULL COLLATE pg_catalog."C",
    updated_at bigint,
    hash bytea NOT NULL,
    doc bytea NOT NULL,
    slots bytea,
    changed_at bigint NOT NULL,
    deleted_at bigint,
    missing_since bigint,
    looked_up boolean NOT NULL,
    depersonalised_at bigint
);
CREATE TABLE public.episode (
    id text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    opened_at bigint NOT NULL,
    closed_at bigint
);
CREATE TABLE public.erased (
    digest bytea NOT NULL,
    salt bytea NOT NULL,
    lead integer NOT NULL,
    words integer NOT NULL,
    pseudonym text NOT NULL COLLATE pg_catalog."C",
    erased_at bigint NOT NULL
);
CREATE TABLE public.executor (
    name text NOT NULL COLLATE pg_catalog."C",
    incarnation text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    stopped_at bigint
);
CREATE TABLE public.former_key (
    source text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.inbox (
    id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    delivery text NOT NULL COLLATE pg_catalog."C",
    event text NOT NULL COLLATE pg_catalog."C",
    body bytea,
    received_at bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    tries integer NOT NULL,
    retry_at bigint,
    error text COLLATE pg_catalog."C",
    finished_at bigint,
    trace text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.inbox_id_seq OWNED BY public.inbox.id;
CREATE TABLE public.lease (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text COLLATE pg_catalog."C",
    token bigint NOT NULL,
    acquired_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.looked_up (
    source text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    asked_at bigint NOT NULL,
    found boolean NOT NULL
);
CREATE TABLE public.membership (
    stream bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    sweep integer NOT NULL,
    run_id text COLLATE pg_catalog."C"
);
CREATE TABLE public.milepost_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.observation (
    project text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    monitor text NOT NULL COLLATE pg_catalog."C",
    ref text NOT NULL COLLATE pg_catalog."C",
    doc bytea NOT NULL,
    observed_at bigint NOT NULL,
    outcome text NOT NULL COLLATE pg_catalog."C",
    first_seen bigint NOT NULL
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    run_id text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    seq integer NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    change bytea NOT NULL,
    fence bigint,
    planned_at bigint NOT NULL,
    sending_at bigint,
    finished_at bigint,
    why text COLLATE pg_catalog."C"
);
CREATE SEQUENCE public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.override (
    source text NOT NULL COLLATE pg_catalog."C",
    target_kind text NOT NULL COLLATE pg_catalog."C",
    target_id text NOT NULL COLLATE pg_catalog."C",
    slot_kind text NOT NULL COLLATE pg_catalog."C",
    slot_name text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    why text NOT NULL COLLATE pg_catalog."C",
    value bytea NOT NULL,
    rule text COLLATE pg_catalog."C",
    episode text COLLATE pg_catalog."C",
    since bigint NOT NULL
);
CREATE TABLE public.published (
    source text NOT NULL COLLATE pg_catalog."C",
    target_kind text NOT NULL COLLATE pg_catalog."C",
    target_id text NOT NULL COLLATE pg_catalog."C",
    slot_kind text NOT NULL COLLATE pg_catalog."C",
    slot_name text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    value bytea NOT NULL,
    rules bytea NOT NULL,
    episode text COLLATE pg_catalog."C",
    written_at bigint NOT NULL,
    run_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.quarantine (
    source text NOT NULL COLLATE pg_catalog."C",
    stream text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    payload bytea NOT NULL,
    first_seen bigint NOT NULL,
    last_seen bigint NOT NULL
);
CREATE TABLE public.rate_bucket (
    source text NOT NULL COLLATE pg_catalog."C",
    capacity bigint NOT NULL,
    period bigint NOT NULL,
    level bigint NOT NULL,
    filled_at bigint NOT NULL,
    paused_until bigint
);
CREATE TABLE public.relist (
    source text NOT NULL COLLATE pg_catalog."C",
    stream text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    since bigint NOT NULL,
    later bigint,
    trace text COLLATE pg_catalog."C",
    tried bigint,
    tries integer,
    retry_at bigint
);
CREATE TABLE public.rests_on (
    project text NOT NULL COLLATE pg_catalog."C",
    stream bigint NOT NULL,
    pulled_at bigint
);
CREATE TABLE public.run (
    id text NOT NULL COLLATE pg_catalog."C",
    command text NOT NULL COLLATE pg_catalog."C",
    projects bytea NOT NULL,
    started_at bigint NOT NULL,
    finished_at bigint,
    outcome text COLLATE pg_catalog."C",
    exit_code integer,
    summary bytea NOT NULL,
    executor text COLLATE pg_catalog."C"
);
CREATE TABLE public.schedule (
    name text NOT NULL COLLATE pg_catalog."C",
    moment bigint NOT NULL
);
CREATE TABLE public.settled (
    project text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    container text NOT NULL COLLATE pg_catalog."C",
    slot_kind text NOT NULL COLLATE pg_catalog."C",
    slot_name text NOT NULL COLLATE pg_catalog."C",
    settled_at bigint NOT NULL
);
CREATE TABLE public.stream (
    id bigint NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    stream text NOT NULL COLLATE pg_catalog."C",
    scope_hash text NOT NULL COLLATE pg_catalog."C",
    mapping_version integer NOT NULL,
    cursor text COLLATE pg_catalog."C",
    sweep integer NOT NULL,
    sweep_started_at bigint,
    complete_at bigint,
    pulled_at bigint,
    error text COLLATE pg_catalog."C",
    failed_at bigint,
    records integer NOT NULL
);
CREATE SEQUENCE public.stream_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.stream_id_seq OWNED BY public.stream.id;
CREATE TABLE public.token (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    scopes bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    used_at bigint
);
CREATE TABLE public.verdict (
    project text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    truth boolean,
    since bigint NOT NULL,
    recheck_at bigint,
    doc bytea NOT NULL
);
ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);
ALTER TABLE ONLY public.inbox ALTER COLUMN id SET DEFAULT nextval('public.inbox_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
ALTER TABLE ONLY public.stream ALTER COLUMN id SET DEFAULT nextval('public.stream_id_seq'::regclass);
INSERT INTO public.audit VALUES (1, 1772452800000000, 'churn', '19cae6b6600-01bf4fbc69', 'write', 'add', 'jira', 'work_item', '10001', 'field', 'ML Status', 'ML-1', 'ml-1', '\x6e756c6c', '\x224d6f64656c20726561647922', '\x5b5d', '', '\x5b5d', false, true);
INSERT INTO public.due VALUES ('churn', 1, 1772452800000000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.entity VALUES ('jira', 'work_item', '10001', 'ml-1', 'ML', 1772452800000000, '\xdd17c3694a6917e38e35d7ab3f36a80f', '\x7b2274797065223a22776f726b5f6974656d222c22726566223a5b226a697261222c22776f726b5f6974656d222c223130303031225d2c22757064617465645f6174223a22323032362d30332d30325431323a30303a30305a222c226b6579223a224d4c2d31222c227469746c65223a22547261696e2074686520636875726e206d6f64656c222c22626f6479223a22417320616772656564207769746820416461204578616d706c652e222c22636f6e7461696e6572223a224d4c222c2261737369676e6565223a7b226964223a223731323032303a616461222c226e616d65223a22416461204578616d706c65227d7d', '\x5b5b226669656c64222c224d4c20537461747573222c224d6f64656c207265616479225d5d', 1772452800000000, NULL, NULL, false, NULL);
INSERT INTO public.entity VALUES ('github', 'change_request', '7/12', 'example/churn#12', 'example/churn', NULL, '\xb2e49d292e9a771c236b20f427139ee1', '\x7b2274797065223a226368616e67655f72657175657374222c22726566223a5b22676974687562222c226368616e67655f72657175657374222c22372f3132225d2c226e756d626572223a31322c227265706f7369746f7279223a226578616d706c652f636875726e222c227469746c65223a224d4c2d3120547261696e227d', NULL, 1772452800000000, NULL, NULL, true, NULL);
INSERT INTO public.entity VALUES ('github', 'commit', '7/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'example/churn', NULL, '\xfd5008eca42af4f8580c07ad4acb5399', '\x7b2274797065223a22636f6d6d6974222c22726566223a5b22676974687562222c22636f6d6d6974222c22372f61616161616161616161616161616161616161616161616161616161616161616161616161616161225d2c22736861223a2261616161616161616161616161616161616161616161616161616161616161616161616161616161222c227265706f7369746f7279223a226578616d706c652f636875726e222c226d657373616765223a224d4c2d3120547261696e227d', NULL, 1772452800000000, NULL, NULL, true, NULL);
INSERT INTO public.entity VALUES ('jira', 'work_item', '10003', 'ops-1', '', NULL, '\x060175b4f7f2248e81e7d7031b3c8224', '\x7b2274797065223a22776f726b5f6974656d222c22726566223a5b226a697261222c22776f726b5f6974656d222c223130303033225d2c226b6579223a224f50532d31227d', NULL, 1772452800000000, NULL, NULL, true, NULL);
INSERT INTO public.episode VALUES ('e-1', 'churn', 'model-ready', 'jira:work_item:10001', 1772452800000000, NULL);
INSERT INTO public.erased VALUES ('\x898f33cec3b0d8657d6122b9231789eb', '\x0000000000000000000000000000000000000000000000000000000000000000', 59, 2, 'erased-abcdefghijkl', 1772452800000000);
INSERT INTO public.executor VALUES ('worker-1', 'i-1', 'node-1', 1772452800000000, 1772452800000000, NULL);
INSERT INTO public.former_key VALUES ('jira', 'work_item', '10003', 'ml-3');
INSERT INTO public.inbox VALUES (1, 'github', '0b989ba4-242f-11e5-81e1-c7b6966d2516', 'pull_request.closed', '\x7b226e756d626572223a2031327d', 1772452800000000, 'waiting', 0, NULL, NULL, NULL, NULL);
INSERT INTO public.lease VALUES ('apply:churn', 'run-1', 1, 1795280093863929, 1795280273863929);
INSERT INTO public.looked_up VALUES ('github', 'commit', '7/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1772452800000000, false);
INSERT INTO public.membership VALUES (1, 'jira', 'work_item', '10001', 1, '19cae6b6600-01bf4fbc69');
INSERT INTO public.milepost_version VALUES ('0004');
INSERT INTO public.observation VALUES ('churn', 'mlflow:model_version:churn/1', 'psi', 'mlflow:observation:r/psi/churn/1', '\x7b2274797065223a226f62736572766174696f6e222c22726566223a5b226d6c666c6f77222c226f62736572766174696f6e222c22722f7073692f636875726e2f31225d2c227375626a656374223a5b226d6c666c6f77222c226d6f64656c5f76657273696f6e222c22636875726e2f31225d2c226d6f6e69746f72223a22707369222c226b696e64223a226472696674222c226f7574636f6d65223a226661696c6564222c2276616c7565223a302e33312c227468726573686f6c64223a223c3d20302e32222c226f627365727665645f6174223a22323032362d30332d30325431323a30303a30305a227d', 1772452800000000, 'failed', 1772452800000000);
INSERT INTO public.outbox VALUES (1, '19cae6b6600-01bf4fbc69', 'churn', 'jira', 0, 'done', '\x7b226964223a22632d31222c2270726f6a656374223a22636875726e222c22736c6f74223a5b5b226a697261222c22776f726b5f6974656d222c223130303031225d2c226669656c64222c224d4c20537461747573225d2c22616374696f6e223a22616464222c226265666f7265223a6e756c6c2c226166746572223a224d6f64656c207265616479222c226b6579223a224d4c2d31222c22636f6e7461696e6572223a224d4c222c227469746c65223a22222c2275726c223a6e756c6c2c2272756c6573223a5b5d2c22726561736f6e223a22222c2265766964656e6365223a5b5d2c22657069736f6465223a6e756c6c2c22666f72636564223a66616c73652c22636f756e7473223a747275652c2267697665735f7570223a66616c73657d', 1, 1772452800000000, 1772452800000000, 1772452800000000, NULL);
INSERT INTO public.override VALUES ('jira', 'work_item', '10001', 'label', 'ml/drift-alert', 'churn', 'override', '\x74727565', 'drift-alert', 'e-1', 1772452800000000);
INSERT INTO public.published VALUES ('jira', 'work_item', '10001', 'field', 'ML Status', 'churn', '\x224d6f64656c20726561647922', '\x5b226d6f64656c2d7265616479225d', 'e-1', 1772452800000000, '19cae6b6600-01bf4fbc69');
INSERT INTO public.quarantine VALUES ('jira', 'issues', 'work_item', '10002', 'it has no key', '\x7b226964223a20223130303032227d', 1772452800000000, 1772452800000000);
INSERT INTO public.rate_bucket VALUES ('github', 4000, 3600000000, 0, 1772452800000000, NULL);
INSERT INTO public.relist VALUES ('github', 'commits', 1, 1772452800000000, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.rests_on VALUES ('churn', 1, 1772452800000000);
INSERT INTO public.run VALUES ('19cae6b6600-01bf4fbc69', 'sync', '\x5b22636875726e225d', 1772452800000000, 1772452800000000, 'done', 0, '\x7b227772697474656e223a317d', NULL);
INSERT INTO public.schedule VALUES ('retention', 1772452800000000);
INSERT INTO public.settled VALUES ('churn', 'jira', 'ML', 'field', 'ML Status', 1772452800000000);
INSERT INTO public.stream VALUES (1, 'jira', 'issues', 'h', 1, '2026-03-02', 1, 1772452800000000, 1772452800000000, 1772452800000000, NULL, NULL, 2);
INSERT INTO public.token VALUES ('t-1', 'dashboard', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x5b2272656164225d', 1772452800000000, NULL, NULL, NULL);
INSERT INTO public.verdict VALUES ('churn', 'model-ready', 'jira:work_item:10001', true, 1772452800000000, NULL, '\x7b2272756c65223a226d6f64656c2d7265616479222c227375626a656374223a5b226a697261222c22776f726b5f6974656d222c223130303031225d2c227472757468223a747275652c226b6e6f776e223a747275652c2273696e6365223a22323032362d30332d30325431323a30303a30305a222c22756e6b6e6f776e5f73696e6365223a6e756c6c2c22657069736f6465223a22652d31222c226f70656e65645f6174223a6e756c6c2c227265636865636b5f6174223a6e756c6c2c2272756c655f76657273696f6e223a22222c2273617973223a22222c2265766964656e6365223a5b5d2c226d697373696e67223a5b5d2c22676f6e655f73696e6365223a6e756c6c7d');
SELECT pg_catalog.setval('public.audit_id_seq', 1, true);
SELECT pg_catalog.setval('public.inbox_id_seq', 1, true);
SELECT pg_catalog.setval('public.outbox_id_seq', 1, true);
SELECT pg_catalog.setval('public.stream_id_seq', 1, true);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.due
    ADD CONSTRAINT due_pk PRIMARY KEY (project);
ALTER TABLE ONLY public.entity
    ADD CONSTRAINT entity_pk PRIMARY KEY (source, kind, id);
ALTER TABLE ONLY public.episode
    ADD CONSTRAINT episode_pk PRIMARY KEY (id);
ALTER TABLE ONLY public.erased
    ADD CONSTRAINT erased_pk PRIMARY KEY (digest);
ALTER TABLE ONLY public.executor
    ADD CONSTRAINT executor_pk PRIMARY KEY (name);
ALTER TABLE ONLY public.former_key
    ADD CONSTRAINT former_key_pk PRIMARY KEY (source, kind, id, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_delivery UNIQUE (source, delivery);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pk PRIMARY KEY (name);
ALTER TABLE ONLY public.looked_up
    ADD CONSTRAINT looked_up_pk PRIMARY KEY (source, kind, id);
ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pk PRIMARY KEY (stream, source, kind, id);
ALTER TABLE ONLY public.milepost_version
    ADD CONSTRAINT milepost_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.observation
    ADD CONSTRAINT observation_pk PRIMARY KEY (project, subject, monitor, ref);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_order UNIQUE (run_id, project, seq);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.override
    ADD CONSTRAINT override_pk PRIMARY KEY (source, target_kind, target_id, slot_kind, slot_name);
ALTER TABLE ONLY public.published
    ADD CONSTRAINT published_pk PRIMARY KEY (source, target_kind, target_id, slot_kind, slot_name);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pk PRIMARY KEY (source, stream, kind, id);
ALTER TABLE ONLY public.rate_bucket
    ADD CONSTRAINT rate_bucket_pk PRIMARY KEY (source);
ALTER TABLE ONLY public.relist
    ADD CONSTRAINT relist_pk PRIMARY KEY (source, stream);
ALTER TABLE ONLY public.rests_on
    ADD CONSTRAINT rests_on_pk PRIMARY KEY (project, stream);
ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pk PRIMARY KEY (id);
ALTER TABLE ONLY public.schedule
    ADD CONSTRAINT schedule_pk PRIMARY KEY (name);
ALTER TABLE ONLY public.settled
    ADD CONSTRAINT settled_pk PRIMARY KEY (project, source, container, slot_kind, slot_name);
ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_key UNIQUE (source, stream, scope_hash, mapping_version);
ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pk PRIMARY KEY (id);
ALTER TABLE ONLY public.verdict
    ADD CONSTRAINT verdict_pk PRIMARY KEY (project, rule, subject);
CREATE INDEX audit_by_key ON public.audit USING btree (key_folded, at);
CREATE INDEX audit_by_target ON public.audit USING btree (source, target_kind, target_id, at);
CREATE INDEX audit_by_time ON public.audit USING btree (project, at);
CREATE INDEX entity_by_key ON public.entity USING btree (key);
CREATE INDEX entity_looked_up ON public.entity USING btree (source, kind, id) WHERE looked_up;
CREATE INDEX episode_by_project ON public.episode USING btree (project, closed_at);
CREATE INDEX inbox_by_state ON public.inbox USING btree (state, source, id);
CREATE INDEX observation_by_time ON public.observation USING btree (project, observed_at);
CREATE INDEX outbox_by_state ON public.outbox USING btree (project, state);
CREATE INDEX override_by_project ON public.override USING btree (project, source);
CREATE INDEX published_by_project ON public.published USING btree (project, source);
CREATE INDEX verdict_by_recheck ON public.verdict USING btree (project, recheck_at);
