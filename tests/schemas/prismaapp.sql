-- prisma/migrations: squashed dump of a health-coaching product (Next.js, Prisma 5, NextAuth, Stripe)
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.cid(k text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select ''cl'' || substr(md5(k || ''/'' || n::text), 1, 23)';
CREATE FUNCTION pg_temp.r(k text, n bigint, m int) RETURNS int LANGUAGE sql IMMUTABLE AS 'select (''x'' || substr(md5(k || ''~'' || n::text), 1, 7))::bit(28)::int % m';
CREATE FUNCTION pg_temp.ts(k text, n bigint, days int) RETURNS timestamp LANGUAGE sql IMMUTABLE AS 'select timestamp ''2025-11-20 09:00'' - make_interval(mins => pg_temp.r(k, n, days * 1440))';
CREATE FUNCTION pg_temp.fn(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select (array[''Anna'',''Ben'',''Clara'',''David'',''Emma'',''Felix'',''Greta'',''Hannes'',''Ida'',''Jonas'',''Karla'',''Leo'',''Mia'',''Nils'',''Olga'',''Paul'',''Rosa'',''Samir'',''Tilda'',''Yusuf''])[1 + pg_temp.r(''fn'', n, 20)]';
CREATE FUNCTION pg_temp.ln(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select (array[''Keller'',''Brandt'',''Sommer'',''Vogel'',''Okafor'',''Lindner'',''Marin'',''Huber'',''Petrov'',''Jansen'',''Winter'',''Costa'',''Nowak'',''Albrecht'',''Demir'',''Fuchs''])[1 + pg_temp.r(''ln'', n, 16)]';
CREATE FUNCTION pg_temp.em(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select lower(pg_temp.fn(n)) || ''.'' || lower(substr(pg_temp.ln(n), 1, 1)) || n::text || ''@example.org''';
-- users 1-3 admins, 4-18 coaches, 19-22 support, 23-230 clients
CREATE FUNCTION pg_temp.usr(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select pg_temp.cid(''User'', n)';
CREATE FUNCTION pg_temp.client(k text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select pg_temp.usr(23 + pg_temp.r(k, n, 208))';
CREATE FUNCTION pg_temp.coach(k text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select pg_temp.usr(4 + pg_temp.r(k, n, 15))';
CREATE FUNCTION pg_temp.admin(k text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select pg_temp.usr(1 + pg_temp.r(k, n, 3))';
CREATE FUNCTION pg_temp.support(k text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'select pg_temp.usr(19 + pg_temp.r(k, n, 4))';

CREATE TYPE "UserRole" AS ENUM ('ADMIN', 'COACH', 'SUPPORT', 'CLIENT');
CREATE TYPE "MembershipRole" AS ENUM ('OWNER', 'ADMIN', 'MEMBER');
CREATE TYPE "SessionStatus" AS ENUM ('SCHEDULED', 'COMPLETED', 'CANCELLED', 'NO_SHOW');
CREATE TYPE "InvoiceStatus" AS ENUM ('DRAFT', 'OPEN', 'PAID', 'VOID');

CREATE TABLE "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ, "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT, "rolled_back_at" TIMESTAMPTZ, "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0);
INSERT INTO "_prisma_migrations" SELECT gen_random_uuid()::text, md5(g::text) || md5('x' || g), now(), '2024' || lpad((g % 12 + 1)::text, 2, '0') || '12101500_migration_' || g, NULL, NULL, now(), 1 FROM generate_series(1, 37) g;

-- ---------------------------------------------------------------- identity
CREATE TABLE "User" (
  "id" TEXT NOT NULL, "email" TEXT NOT NULL, "emailVerified" TIMESTAMP(3), "name" TEXT, "image" TEXT, "phone" TEXT,
  "role" "UserRole" NOT NULL DEFAULT 'CLIENT', "passwordHash" TEXT, "stripeCustomerId" TEXT, "referredById" TEXT,
  "locale" TEXT NOT NULL DEFAULT 'de', "timezone" TEXT NOT NULL DEFAULT 'Europe/Berlin', "onboardingCompletedAt" TIMESTAMP(3),
  "deletedAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL,
  CONSTRAINT "User_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "User_referredById_fkey" FOREIGN KEY ("referredById") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE UNIQUE INDEX "User_stripeCustomerId_key" ON "User"("stripeCustomerId");
INSERT INTO "User" SELECT pg_temp.usr(g), pg_temp.em(g), CASE WHEN g % 9 <> 0 THEN pg_temp.ts('ev', g, 600) END, pg_temp.fn(g) || ' ' || pg_temp.ln(g),
  CASE WHEN g % 3 = 0 THEN 'https://cdn.example.org/a/' || md5('a' || g) || '.webp' END, '+49 170 ' || (1000000 + pg_temp.r('ph', g, 8999999)),
  (CASE WHEN g <= 3 THEN 'ADMIN' WHEN g <= 18 THEN 'COACH' WHEN g <= 22 THEN 'SUPPORT' ELSE 'CLIENT' END)::"UserRole", '$2b$12$' || md5('pw' || g),
  CASE WHEN g > 22 AND g % 4 <> 0 THEN 'cus_' || substr(md5('st' || g), 1, 14) END, CASE WHEN g > 60 AND g % 6 = 0 THEN pg_temp.usr(23 + pg_temp.r('ref', g, 35)) END,
  (ARRAY['de','de','en','fr'])[1 + pg_temp.r('lo', g, 4)], 'Europe/Berlin', pg_temp.ts('ob', g, 500), CASE WHEN g % 41 = 0 THEN pg_temp.ts('del', g, 40) END,
  pg_temp.ts('uc', g, 700), pg_temp.ts('uu', g, 60) FROM generate_series(1, 230) g;

CREATE TABLE "Account" (
  "id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE, "type" TEXT NOT NULL, "provider" TEXT NOT NULL,
  "providerAccountId" TEXT NOT NULL, "refresh_token" TEXT, "access_token" TEXT, "expires_at" INTEGER, "token_type" TEXT, "scope" TEXT, "id_token" TEXT, "session_state" TEXT);
CREATE UNIQUE INDEX "Account_provider_providerAccountId_key" ON "Account"("provider", "providerAccountId");
INSERT INTO "Account" SELECT pg_temp.cid('Account', g), pg_temp.usr(g), 'oauth', CASE WHEN g % 3 = 0 THEN 'apple' ELSE 'google' END, (100000000000 + g * 7919)::text, md5('rt' || g), md5('at' || g), 1763600000 + g, 'bearer', 'openid email', NULL, NULL
  FROM generate_series(1, 230) g WHERE g % 5 < 3;

CREATE TABLE "Session" ("id" TEXT PRIMARY KEY, "sessionToken" TEXT NOT NULL UNIQUE, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE, "expires" TIMESTAMP(3) NOT NULL, "ipAddress" TEXT, "userAgent" TEXT);
INSERT INTO "Session" SELECT pg_temp.cid('Session', g), md5('tok' || g), pg_temp.usr(1 + pg_temp.r('ses', g, 230)), pg_temp.ts('se', g, 30) + interval '30 days', '91.12.' || pg_temp.r('ip', g, 255) || '.' || g % 250, 'Mozilla/5.0 (iPhone)' FROM generate_series(1, 520) g;

CREATE TABLE "VerificationToken" ("identifier" TEXT NOT NULL, "token" TEXT NOT NULL, "expires" TIMESTAMP(3) NOT NULL, UNIQUE ("identifier", "token"));
INSERT INTO "VerificationToken" SELECT pg_temp.em(23 + pg_temp.r('vt', g, 208)), md5('vt' || g), pg_temp.ts('vt', g, 20) FROM generate_series(1, 120) g;


CREATE TABLE "ClientProfile" (
  "id" TEXT PRIMARY KEY, "clientId" TEXT NOT NULL UNIQUE REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE, "birthDate" DATE, "gender" TEXT, "heightCm" INTEGER, "occupation" TEXT,
  "emergencyContactName" TEXT, "emergencyContactPhone" TEXT, "primaryCoachId" TEXT REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE, "intakeNotes" TEXT, "updatedAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "ClientProfile" SELECT pg_temp.cid('ClientProfile', g), pg_temp.usr(g), date '1960-01-01' + pg_temp.r('bd', g, 16000), (ARRAY['female','male','diverse'])[1 + g % 3], 150 + pg_temp.r('h', g, 48), (ARRAY['teacher','engineer','nurse','retired'])[1 + g % 4],
  pg_temp.fn(g + 900) || ' ' || pg_temp.ln(g), '+49 171 ' || (2000000 + g * 311), pg_temp.usr(4 + pg_temp.r('cc', g, 15)), 'Reports lower back pain, sleeps badly.', pg_temp.ts('cp', g, 300) FROM generate_series(23, 230) g;
-- two coaches are clients of a colleague as well
INSERT INTO "ClientProfile" SELECT pg_temp.cid('ClientProfile', g), pg_temp.usr(g), date '1984-04-02', 'female', 171, 'coach', NULL, NULL, pg_temp.usr(18), NULL, pg_temp.ts('cp', g, 300) FROM generate_series(5, 6) g;

CREATE TABLE "CoachProfile" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL UNIQUE REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE, "headline" TEXT NOT NULL, "bio" TEXT, "hourlyRateCents" INTEGER NOT NULL, "iban" TEXT, "isPublic" BOOLEAN NOT NULL DEFAULT true, "approvedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "approvedAt" TIMESTAMP(3));
INSERT INTO "CoachProfile" SELECT pg_temp.cid('CoachProfile', g), pg_temp.usr(g), 'Certified health coach', 'I am ' || pg_temp.fn(g) || ' and I love to run.', 6000 + 500 * (g % 9), 'DE8937040044053201' || lpad(g::text, 4, '0'), g % 7 <> 0, pg_temp.admin('ap', g), pg_temp.ts('ap', g, 400) FROM generate_series(4, 18) g;

CREATE TABLE "CoachCredential" ("id" TEXT PRIMARY KEY, "coachProfileId" TEXT NOT NULL REFERENCES "CoachProfile"("id") ON DELETE CASCADE, "title" TEXT NOT NULL, "issuer" TEXT, "documentUrl" TEXT, "verifiedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "verifiedAt" TIMESTAMP(3));
INSERT INTO "CoachCredential" SELECT pg_temp.cid('CoachCredential', g), pg_temp.cid('CoachProfile', 4 + g % 15), (ARRAY['Nutrition B-licence','ICF ACC','Yoga 200h','Personal trainer A'])[1 + g % 4], 'IHK', 'https://files.example.org/c/' || g || '.pdf', pg_temp.admin('cv', g), pg_temp.ts('cv', g, 300) FROM generate_series(1, 41) g;


-- ---------------------------------------------------------------- organisations
CREATE TABLE "Organization" (
  "id" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "slug" TEXT NOT NULL UNIQUE, "vatId" TEXT, "ownerId" TEXT REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE,
  "billingContactName" TEXT, "billingEmail" TEXT, "billingAddress" JSONB, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "deletedAt" TIMESTAMP(3));
INSERT INTO "Organization" SELECT pg_temp.cid('Organization', g), (ARRAY['Nordlicht Versicherung AG','Stadtwerke Aurich','Meyer Logistik GmbH','Praxis am Park'])[1 + g % 4] || ' ' || g, 'org-' || g, 'DE' || (811000000 + g), pg_temp.client('own', g), pg_temp.fn(g + 400) || ' ' || pg_temp.ln(g + 400), pg_temp.em(g + 400),
  '{"street": "Hafenstr. 4", "city": "Hamburg"}', pg_temp.ts('og', g, 700), NULL FROM generate_series(1, 14) g;

CREATE TABLE "Membership" ("id" TEXT PRIMARY KEY, "organizationId" TEXT NOT NULL REFERENCES "Organization"("id") ON DELETE CASCADE, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "role" "MembershipRole" NOT NULL DEFAULT 'MEMBER', "invitedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE ("organizationId", "userId"));
INSERT INTO "Membership" SELECT pg_temp.cid('Membership', g), pg_temp.cid('Organization', 1 + pg_temp.r('mo', g, 14)), pg_temp.usr(g), (CASE WHEN g % 15 = 0 THEN 'ADMIN' ELSE 'MEMBER' END)::"MembershipRole", (SELECT "ownerId" FROM "Organization" o WHERE o."id" = pg_temp.cid('Organization', 1 + pg_temp.r('mo', g, 14))), pg_temp.ts('mb', g, 500) FROM generate_series(4, 230) g WHERE g % 3 <> 1;

CREATE TABLE "Invitation" ("id" TEXT PRIMARY KEY, "email" TEXT NOT NULL, "organizationId" TEXT NOT NULL REFERENCES "Organization"("id") ON DELETE CASCADE, "role" "MembershipRole" NOT NULL DEFAULT 'MEMBER', "token" TEXT NOT NULL UNIQUE, "invitedById" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "acceptedAt" TIMESTAMP(3), "expiresAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "Invitation" SELECT pg_temp.cid('Invitation', g), pg_temp.em(g + 60), o."id", 'MEMBER', md5('inv' || g), o."ownerId", CASE WHEN g % 2 = 0 THEN pg_temp.ts('ia', g, 300) END, pg_temp.ts('ie', g, 300) FROM generate_series(1, 190) g JOIN "Organization" o ON o."id" = pg_temp.cid('Organization', 1 + g % 14);

CREATE TABLE "Team" ("id" TEXT PRIMARY KEY, "organizationId" TEXT NOT NULL REFERENCES "Organization"("id") ON DELETE CASCADE, "name" TEXT NOT NULL, "leadId" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Team" SELECT pg_temp.cid('Team', g), pg_temp.cid('Organization', 1 + g % 14), 'Team ' || g, CASE WHEN g % 4 > 0 THEN pg_temp.client('tl', g) END, pg_temp.ts('tm', g, 300) FROM generate_series(1, 32) g;

CREATE TABLE "_TeamToUser" ("A" TEXT NOT NULL REFERENCES "Team"("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "_TeamToUser_AB_unique" ON "_TeamToUser"("A", "B");
CREATE INDEX "_TeamToUser_B_index" ON "_TeamToUser"("B");
INSERT INTO "_TeamToUser" SELECT DISTINCT pg_temp.cid('Team', 1 + pg_temp.r('tt', g, 32)), pg_temp.client('tu', g) FROM generate_series(1, 180) g;



-- ---------------------------------------------------------------- households
CREATE TABLE "Household" ("id" TEXT PRIMARY KEY, "displayName" TEXT NOT NULL, "street" TEXT, "city" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Household" SELECT pg_temp.cid('Household', g), 'Family ' || pg_temp.ln(g + 22), 'Lindenweg ' || g, 'Bremen', pg_temp.ts('hh', g, 400) FROM generate_series(1, 45) g;
CREATE TABLE "HouseholdMember" ("householdId" TEXT NOT NULL REFERENCES "Household"("id") ON DELETE CASCADE, "memberId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "relation" TEXT, PRIMARY KEY ("householdId", "memberId"));
INSERT INTO "HouseholdMember" SELECT pg_temp.cid('Household', 1 + (g - 23) / 2 % 45), pg_temp.usr(g), CASE WHEN g % 2 = 0 THEN 'partner' ELSE 'self' END FROM generate_series(23, 122) g;
CREATE TABLE "ShoppingList" ("id" TEXT PRIMARY KEY, "householdId" TEXT NOT NULL REFERENCES "Household"("id") ON DELETE CASCADE, "title" TEXT NOT NULL, "items" JSONB NOT NULL DEFAULT '[]', "lastEditedById" TEXT, "updatedAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "ShoppingList" SELECT pg_temp.cid('ShoppingList', g), m."householdId", 'Week ' || g % 52, '["oats", "kale", "eggs"]', m."memberId", pg_temp.ts('sl', g, 100) FROM generate_series(1, 150) g JOIN LATERAL (SELECT * FROM "HouseholdMember" h WHERE h."memberId" = pg_temp.usr(23 + pg_temp.r('sl', g, 100))) m ON true;

-- ---------------------------------------------------------------- coaching
CREATE TABLE "Service" ("id" TEXT PRIMARY KEY, "code" TEXT NOT NULL UNIQUE, "title" TEXT NOT NULL, "durationMin" INTEGER NOT NULL, "priceCents" INTEGER NOT NULL);
INSERT INTO "Service" SELECT pg_temp.cid('Service', g), 'SVC' || g, 'Coaching ' || 15 * g || ' min', 15 * g, 2000 * g FROM generate_series(1, 6) g;

CREATE TABLE "CoachClient" ("coachId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "clientId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "status" TEXT NOT NULL DEFAULT 'active', "startedAt" TIMESTAMP(3) NOT NULL, "endedAt" TIMESTAMP(3), PRIMARY KEY ("coachId", "clientId"));
INSERT INTO "CoachClient" SELECT pg_temp.usr(4 + pg_temp.r('cc', g, 15)), pg_temp.usr(g), 'active', pg_temp.ts('cc', g, 500), NULL FROM generate_series(23, 230) g;
INSERT INTO "CoachClient" SELECT pg_temp.usr(18), pg_temp.usr(g), 'active', pg_temp.ts('cc', g, 500), NULL FROM generate_series(5, 6) g;

CREATE TABLE "CoachingSession" (
  "id" TEXT PRIMARY KEY, "coachId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE, "clientId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE, "serviceId" TEXT REFERENCES "Service"("id") ON DELETE SET NULL,
  "scheduledAt" TIMESTAMP(3) NOT NULL, "status" "SessionStatus" NOT NULL DEFAULT 'SCHEDULED', "meetingUrl" TEXT, "bookedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "cancelledById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "cancelReason" TEXT, "deletedAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX "CoachingSession_coachId_scheduledAt_idx" ON "CoachingSession"("coachId", "scheduledAt");
CREATE INDEX "CoachingSession_clientId_idx" ON "CoachingSession"("clientId");
INSERT INTO "CoachingSession" SELECT pg_temp.cid('CoachingSession', g), pg_temp.usr(4 + pg_temp.r('cc', c, 15)), pg_temp.usr(c), pg_temp.cid('Service', 1 + g % 6), pg_temp.ts('cs', g, 400), (ARRAY['COMPLETED','COMPLETED','COMPLETED','CANCELLED','NO_SHOW','SCHEDULED'])[1 + pg_temp.r('st', g, 6)]::"SessionStatus", 'https://meet.example.org/' || substr(md5('m' || g), 1, 10),
  CASE WHEN g % 3 = 0 THEN pg_temp.support('bk', g) ELSE pg_temp.usr(c) END, CASE WHEN pg_temp.r('st', g, 6) = 3 THEN pg_temp.usr(4 + pg_temp.r('cc', c, 15)) END, CASE WHEN pg_temp.r('st', g, 6) = 3 THEN 'ill' END, CASE WHEN g % 97 = 0 THEN now() END, pg_temp.ts('cs', g, 400) - interval '5 days'
  FROM generate_series(1, 1600) g, LATERAL (SELECT 23 + pg_temp.r('csc', g, 208) c) x;

CREATE TABLE "SessionNote" ("id" TEXT PRIMARY KEY, "sessionId" TEXT NOT NULL REFERENCES "CoachingSession"("id") ON DELETE CASCADE, "authorId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "content" TEXT NOT NULL, "isPrivate" BOOLEAN NOT NULL DEFAULT true, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "SessionNote" SELECT pg_temp.cid('SessionNote', row_number() OVER (ORDER BY s."id")), s."id", s."coachId", 'Talked about stress at work and evening meals.', true, s."scheduledAt" FROM "CoachingSession" s WHERE s."status" = 'COMPLETED';

CREATE TABLE "SessionRecording" ("id" TEXT PRIMARY KEY, "coachingSessionId" TEXT NOT NULL, "storageKey" TEXT NOT NULL, "durationSec" INTEGER, "transcript" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "SessionRecording" SELECT pg_temp.cid('SessionRecording', row_number() OVER (ORDER BY s."id")), s."id", 'rec/' || s."id" || '.mp4', 1800, 'Hello, how was your week?', s."scheduledAt" FROM "CoachingSession" s WHERE s."status" = 'COMPLETED' AND right(s."id", 1) < '7';

CREATE TABLE "Goal" ("id" TEXT PRIMARY KEY, "clientId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "title" TEXT NOT NULL, "description" TEXT, "targetDate" DATE, "createdById" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "status" TEXT NOT NULL DEFAULT 'open', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Goal" SELECT pg_temp.cid('Goal', g), pg_temp.usr(c), (ARRAY['Lose 5 kg','Run 10 km','Sleep 8 hours','Quit smoking'])[1 + g % 4], NULL, date '2026-01-01' + g % 200, pg_temp.usr(4 + pg_temp.r('cc', c, 15)), 'open', pg_temp.ts('go', g, 300) FROM generate_series(1, 480) g, LATERAL (SELECT 23 + pg_temp.r('goc', g, 208) c) x;

CREATE TABLE "GoalMilestone" ("id" TEXT PRIMARY KEY, "goalId" TEXT NOT NULL REFERENCES "Goal"("id") ON DELETE CASCADE, "title" TEXT NOT NULL, "dueAt" TIMESTAMP(3), "doneAt" TIMESTAMP(3));
INSERT INTO "GoalMilestone" SELECT pg_temp.cid('GM' || n, g), pg_temp.cid('Goal', g), 'Step ' || n, pg_temp.ts('gm', g, 100), NULL FROM generate_series(1, 480) g, generate_series(1, 3) n;
CREATE TABLE "MilestoneEvidence" ("id" TEXT PRIMARY KEY, "milestoneId" TEXT NOT NULL REFERENCES "GoalMilestone"("id") ON DELETE CASCADE, "note" TEXT, "photoUrl" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "MilestoneEvidence" SELECT pg_temp.cid('ME', row_number() OVER (ORDER BY "id")), "id", 'Did it with my sister', 'https://cdn.example.org/e/' || md5("id"), now() FROM "GoalMilestone" WHERE right("id", 1) < '8';

CREATE TABLE "Program" ("id" TEXT PRIMARY KEY, "title" TEXT NOT NULL, "slug" TEXT NOT NULL UNIQUE, "authorId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "organizationId" TEXT REFERENCES "Organization"("id") ON DELETE SET NULL, "publishedAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Program" SELECT pg_temp.cid('Program', g), (ARRAY['Mindful eating','Back to running','Better sleep','Stress reset'])[1 + g % 4] || ' ' || g, 'program-' || g, pg_temp.coach('pa', g % 8), CASE WHEN g % 5 = 0 THEN pg_temp.cid('Organization', 1 + g % 14) END, pg_temp.ts('pp', g, 500), pg_temp.ts('pp', g, 500) FROM generate_series(1, 40) g;
CREATE TABLE "ProgramModule" ("id" TEXT PRIMARY KEY, "programId" TEXT NOT NULL REFERENCES "Program"("id") ON DELETE CASCADE, "position" INTEGER NOT NULL, "title" TEXT NOT NULL);
INSERT INTO "ProgramModule" SELECT pg_temp.cid('PM' || n, g), pg_temp.cid('Program', g), n, 'Module ' || n FROM generate_series(1, 40) g, generate_series(1, 4) n;
CREATE TABLE "ProgramLesson" ("id" TEXT PRIMARY KEY, "moduleId" TEXT NOT NULL REFERENCES "ProgramModule"("id") ON DELETE CASCADE, "title" TEXT NOT NULL, "content" TEXT, "lastEditedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL);
INSERT INTO "ProgramLesson" SELECT pg_temp.cid('PL' || n, row_number() OVER (ORDER BY m."id", n)), m."id", 'Lesson ' || n, 'Breathe in for four seconds.', pg_temp.coach('le', n) FROM "ProgramModule" m, generate_series(1, 3) n;

CREATE TABLE "ProgramEnrollment" ("id" TEXT PRIMARY KEY, "programId" TEXT NOT NULL REFERENCES "Program"("id") ON DELETE RESTRICT, "participantId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "assignedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "startedAt" TIMESTAMP(3) NOT NULL, "completedAt" TIMESTAMP(3), UNIQUE ("programId", "participantId"));
INSERT INTO "ProgramEnrollment" SELECT DISTINCT ON (p, c) pg_temp.cid('PE', g), pg_temp.cid('Program', p), pg_temp.usr(c), CASE WHEN g % 3 > 0 THEN pg_temp.usr(4 + pg_temp.r('cc', c, 15)) END, pg_temp.ts('pe', g, 300), NULL::timestamp FROM generate_series(1, 520) g, LATERAL (SELECT 23 + pg_temp.r('pec', g, 208) c, 1 + pg_temp.r('pep', g, 40) p) x;
CREATE TABLE "LessonProgress" ("enrollmentId" TEXT NOT NULL REFERENCES "ProgramEnrollment"("id") ON DELETE CASCADE, "lessonId" TEXT NOT NULL REFERENCES "ProgramLesson"("id") ON DELETE CASCADE, "percent" INTEGER NOT NULL, "completedAt" TIMESTAMP(3), PRIMARY KEY ("enrollmentId", "lessonId"));
INSERT INTO "LessonProgress" SELECT e."id", l."id", 100, e."startedAt" + interval '3 days' FROM "ProgramEnrollment" e JOIN "ProgramModule" m ON m."programId" = e."programId" AND m."position" <= 2 JOIN "ProgramLesson" l ON l."moduleId" = m."id";

CREATE TABLE "Tag" ("id" SERIAL PRIMARY KEY, "name" TEXT NOT NULL UNIQUE, "color" TEXT);
INSERT INTO "Tag" ("name", "color") SELECT t, '#3b82f6' FROM unnest(ARRAY['vip','at-risk','corporate','sleep','nutrition','running','stress','postpartum','diabetes','beginner','b2b','churned']) t;
CREATE TABLE "_ProgramToTag" ("A" TEXT NOT NULL REFERENCES "Program"("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" INTEGER NOT NULL REFERENCES "Tag"("id") ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "_ProgramToTag_AB_unique" ON "_ProgramToTag"("A", "B");
INSERT INTO "_ProgramToTag" SELECT DISTINCT pg_temp.cid('Program', 1 + g % 40), 1 + pg_temp.r('pt', g, 12) FROM generate_series(1, 90) g;
CREATE TABLE "_TagToUser" ("A" INTEGER NOT NULL REFERENCES "Tag"("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "_TagToUser_AB_unique" ON "_TagToUser"("A", "B");
INSERT INTO "_TagToUser" SELECT DISTINCT 1 + pg_temp.r('tg', g, 12), pg_temp.client('tgu', g) FROM generate_series(1, 330) g;

CREATE TABLE "Assessment" ("id" TEXT PRIMARY KEY, "title" TEXT NOT NULL, "version" INTEGER NOT NULL DEFAULT 1, "createdById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Assessment" SELECT pg_temp.cid('Assessment', g), (ARRAY['PSS-10','Sleep quality','Nutrition screen'])[1 + g % 3], g, pg_temp.coach('as', g % 4), now() FROM generate_series(1, 9) g;
CREATE TABLE "AssessmentQuestion" ("id" TEXT PRIMARY KEY, "assessmentId" TEXT NOT NULL REFERENCES "Assessment"("id") ON DELETE CASCADE, "position" INTEGER NOT NULL, "text" TEXT NOT NULL, "options" JSONB);
INSERT INTO "AssessmentQuestion" SELECT pg_temp.cid('AQ' || n, g), pg_temp.cid('Assessment', g), n, 'In the last month, how often ... ' || n, '["never", "often"]' FROM generate_series(1, 9) g, generate_series(1, 6) n;
CREATE TABLE "AssessmentResponse" ("id" TEXT PRIMARY KEY, "assessmentId" TEXT NOT NULL REFERENCES "Assessment"("id") ON DELETE RESTRICT, "respondentId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "score" INTEGER, "reviewedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "submittedAt" TIMESTAMP(3));
INSERT INTO "AssessmentResponse" SELECT pg_temp.cid('AR', g), pg_temp.cid('Assessment', 1 + g % 9), CASE WHEN g % 14 > 0 THEN pg_temp.client('ar', g) END, pg_temp.r('sc', g, 40), CASE WHEN g % 2 = 0 THEN pg_temp.coach('arr', g) END, pg_temp.ts('ar', g, 300) FROM generate_series(1, 450) g;
CREATE TABLE "AssessmentAnswer" ("responseId" TEXT NOT NULL REFERENCES "AssessmentResponse"("id") ON DELETE CASCADE, "questionId" TEXT NOT NULL REFERENCES "AssessmentQuestion"("id") ON DELETE RESTRICT, "value" TEXT NOT NULL, PRIMARY KEY ("responseId", "questionId"));
INSERT INTO "AssessmentAnswer" SELECT r."id", q."id", CASE WHEN q."position" % 2 = 0 THEN 'often' ELSE 'never' END FROM "AssessmentResponse" r JOIN "AssessmentQuestion" q USING ("assessmentId");

CREATE TABLE "CoachReview" ("id" TEXT PRIMARY KEY, "coachProfileId" TEXT NOT NULL REFERENCES "CoachProfile"("id") ON DELETE CASCADE, "reviewerId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "rating" INTEGER NOT NULL, "comment" TEXT, "moderatedById" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "CoachReview" SELECT pg_temp.cid('CoachReview', g), pg_temp.cid('CoachProfile', 4 + pg_temp.r('cc', c, 15)), pg_temp.usr(c), 3 + g % 3, 'Very patient coach', CASE WHEN g % 8 = 0 THEN pg_temp.support('mod', g) END, pg_temp.ts('rv', g, 300) FROM generate_series(1, 170) g, LATERAL (SELECT 23 + pg_temp.r('rvc', g, 208) c) x;


-- ---------------------------------------------------------------- health
CREATE TABLE "HealthCondition" ("id" TEXT PRIMARY KEY, "icd10" TEXT NOT NULL UNIQUE, "label" TEXT NOT NULL);
INSERT INTO "HealthCondition" SELECT pg_temp.cid('HC', g), 'E' || lpad(g::text, 2, '0'), 'Condition ' || g FROM generate_series(1, 60) g;
CREATE TABLE "_HealthConditionToUser" ("A" TEXT NOT NULL REFERENCES "HealthCondition"("id") ON DELETE CASCADE ON UPDATE CASCADE, "B" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "_HealthConditionToUser_AB_unique" ON "_HealthConditionToUser"("A", "B");
INSERT INTO "_HealthConditionToUser" SELECT DISTINCT pg_temp.cid('HC', 1 + pg_temp.r('hc', g, 60)), pg_temp.client('hcu', g) FROM generate_series(1, 300) g;
CREATE TABLE "Medication" ("id" TEXT PRIMARY KEY, "clientProfileId" TEXT NOT NULL REFERENCES "ClientProfile"("id") ON DELETE CASCADE, "name" TEXT NOT NULL, "dose" TEXT, "prescribedBy" TEXT, "startedOn" DATE);
INSERT INTO "Medication" SELECT pg_temp.cid('Med', g), pg_temp.cid('ClientProfile', 23 + pg_temp.r('med', g, 208)), (ARRAY['Metformin','Ramipril','Ibuprofen','L-Thyroxin'])[1 + g % 4], '1-0-1', 'Dr. Wolf', date '2024-01-01' + g FROM generate_series(1, 190) g;

CREATE TABLE "WearableConnection" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "provider" TEXT NOT NULL, "externalUserId" TEXT NOT NULL, "accessToken" TEXT, "refreshToken" TEXT, "lastSyncedAt" TIMESTAMP(3), UNIQUE ("userId", "provider"));
INSERT INTO "WearableConnection" SELECT pg_temp.cid('WC', g), pg_temp.usr(g), (ARRAY['garmin','fitbit','oura','apple'])[1 + g % 4], md5('ext' || g), md5('wa' || g), md5('wr' || g), pg_temp.ts('wc', g, 3) FROM generate_series(23, 230) g WHERE g % 4 > 0;
CREATE TABLE "WearableDevice" ("id" TEXT PRIMARY KEY, "connectionId" TEXT NOT NULL REFERENCES "WearableConnection"("id") ON DELETE CASCADE, "model" TEXT NOT NULL, "serialNumber" TEXT, "pairedAt" TIMESTAMP(3));
INSERT INTO "WearableDevice" SELECT pg_temp.cid('WD', g), pg_temp.cid('WC', g), 'Forerunner 255', 'SN' || (7000000 + g * 13), pg_temp.ts('wd', g, 300) FROM generate_series(23, 230) g WHERE g % 4 > 0;
-- raw ingest, partitioned by hand, no constraints for speed
CREATE TABLE "WearableSample" ("deviceId" TEXT NOT NULL, "metric" TEXT NOT NULL, "value" DOUBLE PRECISION NOT NULL, "recordedAt" TIMESTAMP(3) NOT NULL) PARTITION BY RANGE ("recordedAt");
CREATE TABLE "WearableSample_2025_10" PARTITION OF "WearableSample" FOR VALUES FROM ('2025-10-01') TO ('2025-11-01');
CREATE TABLE "WearableSample_2025_11" PARTITION OF "WearableSample" FOR VALUES FROM ('2025-11-01') TO ('2025-12-01');
CREATE TABLE "WearableSample_default" PARTITION OF "WearableSample" DEFAULT;
CREATE INDEX "WearableSample_deviceId_recordedAt_idx" ON "WearableSample"("deviceId", "recordedAt");
INSERT INTO "WearableSample" SELECT d."id", (ARRAY['heart_rate','steps','hrv'])[1 + n % 3], 50 + n, pg_temp.ts(d."id", n, 45) FROM "WearableDevice" d, generate_series(1, 28) n;

CREATE TABLE "HealthMetric" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "type" TEXT NOT NULL, "value" DECIMAL(10,2) NOT NULL, "unit" TEXT, "enteredById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "recordedAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "HealthMetric" SELECT pg_temp.cid('HM', g), pg_temp.usr(c), (ARRAY['weight','bp_sys','bp_dia','glucose'])[1 + g % 4], 60 + pg_temp.r('hv', g, 80), 'u', CASE WHEN g % 3 = 0 THEN pg_temp.usr(4 + pg_temp.r('cc', c, 15)) END, pg_temp.ts('hm', g, 300) FROM generate_series(1, 3200) g, LATERAL (SELECT 23 + pg_temp.r('hmc', g, 208) c) x;

CREATE TABLE "Exercise" ("id" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "muscleGroup" TEXT, "createdById" TEXT REFERENCES "User"("id") ON DELETE SET NULL);
INSERT INTO "Exercise" SELECT pg_temp.cid('Ex', g), 'Exercise ' || g, 'legs', CASE WHEN g > 40 THEN pg_temp.coach('ex', g % 5) END FROM generate_series(1, 120) g;
CREATE TABLE "Workout" ("id" TEXT PRIMARY KEY, "athleteId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "plannedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "title" TEXT, "performedAt" TIMESTAMP(3) NOT NULL, "deletedAt" TIMESTAMP(3));
INSERT INTO "Workout" SELECT pg_temp.cid('Wo', g), pg_temp.usr(c), CASE WHEN g % 2 = 0 THEN pg_temp.usr(4 + pg_temp.r('cc', c, 15)) END, 'Legs and core', pg_temp.ts('wo', g, 200), CASE WHEN g % 50 = 0 THEN now() END FROM generate_series(1, 900) g, LATERAL (SELECT 23 + pg_temp.r('woc', g, 208) c) x;
CREATE TABLE "WorkoutSet" ("workoutId" TEXT NOT NULL REFERENCES "Workout"("id") ON DELETE CASCADE, "setNo" INTEGER NOT NULL, "exerciseId" TEXT NOT NULL REFERENCES "Exercise"("id") ON DELETE RESTRICT, "reps" INTEGER, "weightKg" DECIMAL(6,2), PRIMARY KEY ("workoutId", "setNo"));
INSERT INTO "WorkoutSet" SELECT pg_temp.cid('Wo', g), n, pg_temp.cid('Ex', 1 + pg_temp.r('wx', g * 10 + n, 120)), 8 + n, 20 + n FROM generate_series(1, 900) g, generate_series(1, 4) n;
CREATE TABLE "FoodItem" ("id" TEXT PRIMARY KEY, "name" TEXT NOT NULL, "kcal100" INTEGER, "barcode" TEXT, "submittedById" TEXT, "verified" BOOLEAN NOT NULL DEFAULT false);
INSERT INTO "FoodItem" SELECT pg_temp.cid('Fo', g), 'Food ' || g, 40 + g, (4000000000000 + g * 97)::text, CASE WHEN g % 5 = 0 THEN pg_temp.client('fo', g) END, g % 5 > 0 FROM generate_series(1, 400) g;
CREATE TABLE "MealLog" ("id" TEXT PRIMARY KEY, "loggedForId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "meal" TEXT NOT NULL, "photoUrl" TEXT, "coachComment" TEXT, "commentedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "eatenAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "MealLog" SELECT pg_temp.cid('Ml', g), pg_temp.usr(c), (ARRAY['breakfast','lunch','dinner'])[1 + g % 3], NULL, CASE WHEN g % 4 = 0 THEN 'Nice plate!' END, CASE WHEN g % 4 = 0 THEN pg_temp.usr(4 + pg_temp.r('cc', c, 15)) END, pg_temp.ts('ml', g, 100) FROM generate_series(1, 1500) g, LATERAL (SELECT 23 + pg_temp.r('mlc', g, 208) c) x;
CREATE TABLE "MealLogItem" ("id" SERIAL PRIMARY KEY, "mealLogId" TEXT NOT NULL REFERENCES "MealLog"("id") ON DELETE CASCADE, "foodItemId" TEXT NOT NULL REFERENCES "FoodItem"("id") ON DELETE RESTRICT, "grams" INTEGER NOT NULL);
INSERT INTO "MealLogItem" ("mealLogId", "foodItemId", "grams") SELECT pg_temp.cid('Ml', g), pg_temp.cid('Fo', 1 + pg_temp.r('mi', g * 3 + n, 400)), 50 + n FROM generate_series(1, 1500) g, generate_series(1, 2) n;

-- ---------------------------------------------------------------- journals and AI
CREATE TABLE "JournalPrompt" ("id" TEXT PRIMARY KEY, "text" TEXT NOT NULL, "createdById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "archivedAt" TIMESTAMP(3));
INSERT INTO "JournalPrompt" SELECT pg_temp.cid('JP', g), 'What made you smile today? (' || g || ')', pg_temp.coach('jp', g % 3), NULL FROM generate_series(1, 50) g;
CREATE TABLE "JournalEntry" ("id" TEXT PRIMARY KEY, "authorId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE, "promptId" TEXT REFERENCES "JournalPrompt"("id") ON DELETE SET NULL, "content" TEXT NOT NULL, "sharedWithCoach" BOOLEAN NOT NULL DEFAULT false, "deletedAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "JournalEntry" SELECT pg_temp.cid('JE', g), pg_temp.client('je', g), pg_temp.cid('JP', 1 + g % 50), 'Slept badly, argued with ' || pg_temp.fn(g) || ' about dinner.', g % 2 = 0, CASE WHEN g % 33 = 0 THEN now() END, pg_temp.ts('je', g, 300) FROM generate_series(1, 1400) g;
CREATE TABLE "JournalComment" ("id" TEXT PRIMARY KEY, "entryId" TEXT NOT NULL REFERENCES "JournalEntry"("id") ON DELETE CASCADE, "authorId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "body" TEXT NOT NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "JournalComment" SELECT pg_temp.cid('JC', g), pg_temp.cid('JE', 2 * (1 + g % 700)), pg_temp.coach('jc', g), 'Thank you for sharing this.', pg_temp.ts('jc', g, 200) FROM generate_series(1, 600) g;
CREATE TABLE "MoodCheckin" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL, "journalEntryId" TEXT REFERENCES "JournalEntry"("id") ON DELETE SET NULL, "mood" INTEGER NOT NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "MoodCheckin" SELECT pg_temp.cid('MC', g), pg_temp.client('je', g), CASE WHEN g <= 800 THEN pg_temp.cid('JE', g) END, 1 + g % 5, pg_temp.ts('je', g, 300) FROM generate_series(1, 1500) g;
CREATE TABLE "FileUpload" ("id" TEXT PRIMARY KEY, "attachableType" TEXT NOT NULL, "attachableId" TEXT NOT NULL, "uploadedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "fileName" TEXT NOT NULL, "storageKey" TEXT NOT NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "FileUpload" SELECT pg_temp.cid('FU', g), CASE WHEN g % 3 = 0 THEN 'Workout' ELSE 'JournalEntry' END, CASE WHEN g % 3 = 0 THEN pg_temp.cid('Wo', g) ELSE pg_temp.cid('JE', g) END, CASE WHEN g % 3 = 0 THEN pg_temp.client('woc', g) ELSE pg_temp.client('je', g) END, 'IMG_' || g || '.jpg', 'u/' || md5('f' || g), now() FROM generate_series(1, 420) g;

CREATE TABLE "AiPrompt" ("id" TEXT PRIMARY KEY, "key" TEXT NOT NULL, "version" INTEGER NOT NULL, "systemPrompt" TEXT NOT NULL, "updatedBy" TEXT, UNIQUE ("key", "version"));
INSERT INTO "AiPrompt" SELECT pg_temp.cid('AP', g), 'coach-' || g % 5, g, 'You are a kind health coach.', pg_temp.em(1 + g % 3) FROM generate_series(1, 25) g;
CREATE TABLE "AiChat" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "promptId" TEXT REFERENCES "AiPrompt"("id") ON DELETE SET NULL, "title" TEXT, "model" TEXT NOT NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "AiChat" SELECT pg_temp.cid('AC', g), pg_temp.client('ac', g), pg_temp.cid('AP', 1 + g % 25), 'Question about my diet', 'gpt-4o-mini', pg_temp.ts('ac', g, 200) FROM generate_series(1, 420) g;
CREATE TABLE "AiChatMessage" ("id" TEXT PRIMARY KEY, "chatId" TEXT NOT NULL REFERENCES "AiChat"("id") ON DELETE CASCADE, "role" TEXT NOT NULL, "content" TEXT NOT NULL, "toolCalls" JSONB, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "AiChatMessage" SELECT pg_temp.cid('AM' || n, g), pg_temp.cid('AC', g), CASE WHEN n % 2 = 1 THEN 'user' ELSE 'assistant' END, CASE WHEN n % 2 = 1 THEN 'Is bread bad for me?' ELSE 'It depends.' END, NULL, pg_temp.ts('ac', g, 200) + n * interval '1 minute' FROM generate_series(1, 420) g, generate_series(1, 6) n;
CREATE TABLE "AiUsage" ("id" BIGSERIAL PRIMARY KEY, "userId" TEXT NOT NULL, "chatId" TEXT, "promptTokens" INTEGER, "completionTokens" INTEGER, "costMicros" BIGINT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "AiUsage" ("userId", "chatId", "promptTokens", "completionTokens", "costMicros", "createdAt") SELECT "userId", "id", 200 * n, 100, 90, "createdAt" FROM "AiChat", generate_series(1, 3) n;

-- ---------------------------------------------------------------- messaging, community
CREATE TABLE "Conversation" ("id" TEXT PRIMARY KEY, "subject" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "lastMessageAt" TIMESTAMP(3));
INSERT INTO "Conversation" SELECT pg_temp.cid('Cv', g), NULL, pg_temp.ts('cv', g, 300), now() FROM generate_series(23, 230) g;
CREATE TABLE "ConversationParticipant" ("conversationId" TEXT NOT NULL REFERENCES "Conversation"("id") ON DELETE CASCADE, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "lastReadAt" TIMESTAMP(3), "mutedAt" TIMESTAMP(3), PRIMARY KEY ("conversationId", "userId"));
INSERT INTO "ConversationParticipant" SELECT pg_temp.cid('Cv', g), pg_temp.usr(g), now()::timestamp, NULL::timestamp FROM generate_series(23, 230) g UNION ALL SELECT pg_temp.cid('Cv', g), pg_temp.usr(4 + pg_temp.r('cc', g, 15)), now()::timestamp, NULL::timestamp FROM generate_series(23, 230) g;
CREATE TABLE "Message" ("id" TEXT PRIMARY KEY, "conversationId" TEXT NOT NULL REFERENCES "Conversation"("id") ON DELETE CASCADE, "senderId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "body" TEXT NOT NULL, "replyToId" TEXT REFERENCES "Message"("id") ON DELETE SET NULL, "editedAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Message" SELECT pg_temp.cid('Ms' || n, g), pg_temp.cid('Cv', g), CASE WHEN n % 2 = 0 THEN pg_temp.usr(g) ELSE pg_temp.usr(4 + pg_temp.r('cc', g, 15)) END, 'How did the week go, ' || pg_temp.fn(g) || '?', CASE WHEN n % 5 = 0 THEN pg_temp.cid('Ms' || n - 1, g) END, NULL, pg_temp.ts('ms', g * 20 + n, 200) FROM generate_series(1, 14) n, generate_series(23, 230) g ORDER BY n;
CREATE TABLE "Kudos" ("id" TEXT PRIMARY KEY, "fromUserId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "toUserId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "note" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Kudos" SELECT pg_temp.cid('Ku', g), pg_temp.client('kf', g), pg_temp.client('kt', g), 'Great run!', pg_temp.ts('ku', g, 100) FROM generate_series(1, 380) g;
CREATE TABLE "Challenge" ("id" TEXT PRIMARY KEY, "title" TEXT NOT NULL, "organizationId" TEXT REFERENCES "Organization"("id") ON DELETE CASCADE, "hostId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "startsOn" DATE, "endsOn" DATE);
INSERT INTO "Challenge" SELECT pg_temp.cid('Ch', g), '10,000 steps #' || g, CASE WHEN g % 2 = 0 THEN pg_temp.cid('Organization', 1 + g % 14) END, pg_temp.coach('ch', g % 7), date '2025-01-01' + g * 7, date '2025-01-31' + g * 7 FROM generate_series(1, 30) g;
CREATE TABLE "ChallengeParticipant" ("challengeId" TEXT NOT NULL REFERENCES "Challenge"("id") ON DELETE CASCADE, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "score" INTEGER NOT NULL DEFAULT 0, PRIMARY KEY ("challengeId", "userId"));
INSERT INTO "ChallengeParticipant" SELECT DISTINCT pg_temp.cid('Ch', 1 + pg_temp.r('cpc', g, 30)), pg_temp.client('cpu', g), 100 FROM generate_series(1, 600) g;
CREATE TABLE "CommunityPost" ("id" TEXT PRIMARY KEY, "challengeId" TEXT REFERENCES "Challenge"("id") ON DELETE SET NULL, "authorId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "body" TEXT NOT NULL, "pinnedById" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "CommunityPost" SELECT pg_temp.cid('CP', g), pg_temp.cid('Ch', 1 + g % 30), pg_temp.client('po', g), 'Day ' || g % 30 || ' done!', CASE WHEN g % 40 = 0 THEN pg_temp.coach('pin', g) END, pg_temp.ts('po', g, 200) FROM generate_series(1, 420) g;
CREATE TABLE "CommunityComment" ("id" TEXT PRIMARY KEY, "postId" TEXT NOT NULL REFERENCES "CommunityPost"("id") ON DELETE CASCADE, "parentId" TEXT REFERENCES "CommunityComment"("id") ON DELETE SET NULL, "authorId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "body" TEXT NOT NULL);
INSERT INTO "CommunityComment" SELECT pg_temp.cid('CM', g), pg_temp.cid('CP', 1 + g % 420), CASE WHEN g > 500 THEN pg_temp.cid('CM', g - 420) END, pg_temp.client('co', g), 'Well done' FROM generate_series(1, 800) g;
CREATE TABLE "ContentReport" ("id" TEXT PRIMARY KEY, "reporterId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "reportedUserId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "targetType" TEXT NOT NULL, "targetId" TEXT NOT NULL, "reason" TEXT, "resolvedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "ContentReport" SELECT pg_temp.cid('CR', g), pg_temp.client('crr', g), p."authorId", 'CommunityPost', p."id", 'insults', CASE WHEN g % 3 > 0 THEN pg_temp.support('cr', g) END, now() FROM generate_series(1, 110) g JOIN "CommunityPost" p ON p."id" = pg_temp.cid('CP', 1 + g * 3);
CREATE TABLE "Notification" ("id" TEXT PRIMARY KEY, "recipientId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "actorId" TEXT, "type" TEXT NOT NULL, "payload" JSONB NOT NULL, "readAt" TIMESTAMP(3), "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Notification" SELECT pg_temp.cid('No', g), pg_temp.usr(c), pg_temp.usr(4 + pg_temp.r('cc', c, 15)), 'journal.comment', jsonb_build_object('actorName', pg_temp.fn(4 + pg_temp.r('cc', c, 15)) || ' ' || pg_temp.ln(4 + pg_temp.r('cc', c, 15)), 'entryId', pg_temp.cid('JE', g)), CASE WHEN g % 2 = 0 THEN now() END, pg_temp.ts('no', g, 60) FROM generate_series(1, 2000) g, LATERAL (SELECT 23 + pg_temp.r('noc', g, 208) c) x;

-- ---------------------------------------------------------------- billing
CREATE TABLE "Plan" ("id" TEXT PRIMARY KEY, "code" TEXT NOT NULL UNIQUE, "name" TEXT NOT NULL, "monthlyCents" INTEGER NOT NULL, "seats" INTEGER);
INSERT INTO "Plan" SELECT pg_temp.cid('Pn', g), 'plan' || g, (ARRAY['Free','Plus','Pro','Team','Enterprise'])[g], 900 * (g - 1), 1 FROM generate_series(1, 5) g;
CREATE TABLE "PaymentMethod" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE CASCADE, "brand" TEXT, "last4" TEXT, "holderName" TEXT, "stripePaymentMethodId" TEXT, "isDefault" BOOLEAN NOT NULL DEFAULT true);
INSERT INTO "PaymentMethod" SELECT pg_temp.cid('PMe', g), pg_temp.usr(g), 'visa', lpad(pg_temp.r('l4', g, 9999)::text, 4, '0'), upper(pg_temp.fn(g) || ' ' || pg_temp.ln(g)), 'pm_' || md5('pm' || g), true FROM generate_series(23, 230) g WHERE g % 4 <> 0;
CREATE TABLE "Subscription" ("id" TEXT PRIMARY KEY, "userId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "organizationId" TEXT REFERENCES "Organization"("id") ON DELETE SET NULL, "planId" TEXT NOT NULL REFERENCES "Plan"("id") ON DELETE RESTRICT, "stripeSubscriptionId" TEXT UNIQUE, "status" TEXT NOT NULL, "currentPeriodEnd" TIMESTAMP(3), "cancelledAt" TIMESTAMP(3));
INSERT INTO "Subscription" SELECT pg_temp.cid('Su', g), pg_temp.usr(g), NULL, pg_temp.cid('Pn', 2 + g % 2), 'sub_' || md5('su' || g), 'active', pg_temp.ts('su', g, 30) + interval '1 month', NULL FROM generate_series(23, 230) g WHERE g % 4 <> 0;
INSERT INTO "Subscription" SELECT pg_temp.cid('SuO', g), NULL, pg_temp.cid('Organization', g), pg_temp.cid('Pn', 5), 'sub_' || md5('suo' || g), 'active', now(), NULL FROM generate_series(1, 14) g;
CREATE TABLE "Invoice" ("id" TEXT PRIMARY KEY, "number" TEXT NOT NULL UNIQUE, "subscriptionId" TEXT REFERENCES "Subscription"("id") ON DELETE SET NULL, "customerId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "organizationId" TEXT REFERENCES "Organization"("id") ON DELETE SET NULL, "billingName" TEXT NOT NULL, "billingAddress" TEXT, "contactEmail" TEXT, "netCents" INTEGER NOT NULL, "taxCents" INTEGER NOT NULL, "status" "InvoiceStatus" NOT NULL, "issuedAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "Invoice" SELECT pg_temp.cid('In' || n, g), 'R-2025-' || lpad((g * 6 + n)::text, 6, '0'), pg_temp.cid('Su', g), pg_temp.usr(g), NULL, pg_temp.fn(g) || ' ' || pg_temp.ln(g), 'Lindenweg ' || g || ', 28195 Bremen', pg_temp.em(g), 900, 171, 'PAID', date '2025-01-01' + n * 30 FROM generate_series(23, 230) g, generate_series(1, 5) n WHERE g % 4 <> 0;
INSERT INTO "Invoice" SELECT pg_temp.cid('InO' || n, g), 'RO-2025-' || lpad((g * 6 + n)::text, 6, '0'), pg_temp.cid('SuO', g), NULL, o."id", o."name", 'Hafenstr. 4, Hamburg', o."billingEmail", 90000, 17100, 'PAID', date '2025-01-01' + n * 30 FROM generate_series(1, 14) g JOIN "Organization" o ON o."id" = pg_temp.cid('Organization', g), generate_series(1, 5) n;
CREATE TABLE "Payment" ("id" TEXT PRIMARY KEY, "invoiceId" TEXT NOT NULL REFERENCES "Invoice"("id") ON DELETE RESTRICT, "payerId" TEXT, "amountCents" INTEGER NOT NULL, "currency" CHAR(3) NOT NULL DEFAULT 'EUR', "stripePaymentIntentId" TEXT, "paidAt" TIMESTAMP(3));
INSERT INTO "Payment" SELECT pg_temp.cid('Pa', row_number() OVER (ORDER BY "id")), "id", "customerId", "netCents" + "taxCents", 'EUR', 'pi_' || md5("id"), "issuedAt" + interval '2 days' FROM "Invoice";
CREATE TABLE "Refund" ("id" TEXT PRIMARY KEY, "paymentId" TEXT NOT NULL REFERENCES "Payment"("id") ON DELETE RESTRICT, "amountCents" INTEGER NOT NULL, "requestedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "approvedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Refund" SELECT pg_temp.cid('Re', g), p."id", p."amountCents", p."payerId", pg_temp.support('rf', g), now() FROM generate_series(1, 80) g JOIN "Payment" p ON p."id" = pg_temp.cid('Pa', g * 7);
CREATE TABLE "CoachPayout" ("id" TEXT PRIMARY KEY, "coachId" TEXT NOT NULL, "periodStart" DATE NOT NULL, "amountCents" INTEGER NOT NULL, "iban" TEXT, "approvedById" TEXT, "paidAt" TIMESTAMP(3));
INSERT INTO "CoachPayout" SELECT pg_temp.cid('CPo' || n, g), pg_temp.usr(g), date '2025-01-01' + 30 * n, 120000 + 1000 * n, 'DE8937040044053201' || lpad(g::text, 4, '0'), pg_temp.admin('po', n), now() FROM generate_series(4, 18) g, generate_series(1, 10) n;
CREATE TABLE "Coupon" ("code" TEXT PRIMARY KEY, "percentOff" INTEGER NOT NULL, "createdById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "expiresAt" TIMESTAMP(3));
INSERT INTO "Coupon" SELECT 'SAVE' || g, 10, pg_temp.admin('cu', g), NULL FROM generate_series(1, 30) g;
CREATE TABLE "Referral" ("id" TEXT PRIMARY KEY, "referrerId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "refereeEmail" TEXT NOT NULL, "refereeId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "couponCode" TEXT REFERENCES "Coupon"("code") ON DELETE SET NULL, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "Referral" SELECT pg_temp.cid('Rl', g), pg_temp.client('rl', g), pg_temp.em(g + 100), CASE WHEN g <= 120 THEN pg_temp.usr(g + 100) END, 'SAVE' || 1 + g % 30, pg_temp.ts('rl', g, 300) FROM generate_series(1, 170) g;

-- ---------------------------------------------------------------- operations
CREATE TABLE "LegalDocument" ("id" TEXT PRIMARY KEY, "kind" TEXT NOT NULL, "version" TEXT NOT NULL, "publishedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "publishedAt" TIMESTAMP(3));
INSERT INTO "LegalDocument" SELECT pg_temp.cid('LD', g), (ARRAY['terms','privacy','health-data'])[1 + g % 3], '1.' || g, pg_temp.admin('ld', g), now() FROM generate_series(1, 12) g;
CREATE TABLE "Consent" ("id" TEXT PRIMARY KEY, "userId" TEXT NOT NULL REFERENCES "User"("id") ON DELETE RESTRICT, "documentId" TEXT NOT NULL REFERENCES "LegalDocument"("id") ON DELETE RESTRICT, "ipAddress" TEXT, "grantedAt" TIMESTAMP(3) NOT NULL, "withdrawnAt" TIMESTAMP(3));
INSERT INTO "Consent" SELECT pg_temp.cid('Cs' || n, g), pg_temp.usr(g), pg_temp.cid('LD', n), '91.13.4.' || g % 250, pg_temp.ts('cn', g, 500), NULL FROM generate_series(1, 230) g, generate_series(10, 12) n;
CREATE TABLE "SupportTicket" ("id" TEXT PRIMARY KEY, "number" SERIAL NOT NULL, "requesterId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "requesterEmail" TEXT NOT NULL, "assigneeId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "subject" TEXT NOT NULL, "status" TEXT NOT NULL DEFAULT 'open', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "SupportTicket" ("id", "requesterId", "requesterEmail", "assigneeId", "subject", "createdAt") SELECT pg_temp.cid('ST', g), CASE WHEN g % 5 > 0 THEN pg_temp.usr(c) END, pg_temp.em(c), pg_temp.support('st', g), 'Cannot sync my watch', pg_temp.ts('stt', g, 300) FROM generate_series(1, 260) g, LATERAL (SELECT 23 + pg_temp.r('stc', g, 208) c) x;
CREATE TABLE "SupportTicketReply" ("id" TEXT PRIMARY KEY, "ticketId" TEXT NOT NULL REFERENCES "SupportTicket"("id") ON DELETE CASCADE, "agentId" TEXT REFERENCES "User"("id") ON DELETE SET NULL, "body" TEXT NOT NULL, "internal" BOOLEAN NOT NULL DEFAULT false);
INSERT INTO "SupportTicketReply" SELECT pg_temp.cid('SR' || n, g), pg_temp.cid('ST', g), CASE WHEN n = 1 THEN pg_temp.support('st', g) END, 'Please restart the app.', false FROM generate_series(1, 260) g, generate_series(1, 2) n;
CREATE TABLE "NewsletterSubscriber" ("id" TEXT PRIMARY KEY, "email" TEXT NOT NULL UNIQUE, "firstName" TEXT, "confirmedAt" TIMESTAMP(3), "unsubscribedAt" TIMESTAMP(3), "source" TEXT);
INSERT INTO "NewsletterSubscriber" SELECT pg_temp.cid('NS', g), pg_temp.em(g + 80), pg_temp.fn(g + 80), now(), NULL, 'footer' FROM generate_series(1, 260) g;
CREATE TABLE "EmailLog" ("id" BIGSERIAL PRIMARY KEY, "to" TEXT NOT NULL, "template" TEXT NOT NULL, "subject" TEXT, "providerMessageId" TEXT, "status" TEXT, "sentAt" TIMESTAMP(3));
INSERT INTO "EmailLog" ("to", "template", "subject", "providerMessageId", "status", "sentAt") SELECT pg_temp.em(23 + pg_temp.r('el', g, 208)), (ARRAY['welcome','reminder','invoice'])[1 + g % 3], 'Your session tomorrow', md5('el' || g), 'delivered', pg_temp.ts('el', g, 100) FROM generate_series(1, 1800) g;
CREATE TABLE "AuditLog" ("id" BIGSERIAL PRIMARY KEY, "actorId" TEXT, "actorEmail" TEXT, "action" TEXT NOT NULL, "entityType" TEXT NOT NULL, "entityId" TEXT NOT NULL, "changes" JSONB, "ipAddress" TEXT, "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO "AuditLog" ("actorId", "actorEmail", "action", "entityType", "entityId", "changes", "ipAddress", "createdAt") SELECT pg_temp.usr(a), pg_temp.em(a), 'update', CASE WHEN g % 2 = 0 THEN 'User' ELSE 'Goal' END, CASE WHEN g % 2 = 0 THEN pg_temp.client('al', g) ELSE pg_temp.cid('Goal', 1 + g % 480) END, CASE WHEN g % 2 = 0 THEN jsonb_build_object('email', jsonb_build_array(pg_temp.em(23 + pg_temp.r('al', g, 208)), 'x')) END, '10.0.0.' || a, pg_temp.ts('al', g, 200) FROM generate_series(1, 2500) g, LATERAL (SELECT 1 + pg_temp.r('ala', g, 22) a) x;
CREATE TABLE "StripeWebhookEvent" ("id" TEXT PRIMARY KEY, "type" TEXT NOT NULL, "payload" JSONB NOT NULL, "processedAt" TIMESTAMP(3), "error" TEXT);
INSERT INTO "StripeWebhookEvent" SELECT 'evt_' || md5('ev' || g), 'invoice.paid', jsonb_build_object('customer', 'cus_' || substr(md5('st' || c), 1, 14), 'customer_email', pg_temp.em(c), 'amount', 1071), now(), NULL FROM generate_series(1, 500) g, LATERAL (SELECT 23 + pg_temp.r('evc', g, 208) c) x;
CREATE TABLE "JobQueue" ("id" BIGSERIAL PRIMARY KEY, "queue" TEXT NOT NULL, "data" JSONB NOT NULL, "state" TEXT NOT NULL, "attempts" INTEGER NOT NULL DEFAULT 0, "runAt" TIMESTAMP(3));
INSERT INTO "JobQueue" ("queue", "data", "state", "runAt") SELECT 'wearable-sync', jsonb_build_object('userId', pg_temp.client('jq', g), 'email', pg_temp.em(23 + pg_temp.r('jq', g, 208))), 'completed', pg_temp.ts('jq', g, 10) FROM generate_series(1, 600) g;
CREATE TABLE "FeatureFlag" ("key" TEXT PRIMARY KEY, "enabled" BOOLEAN NOT NULL, "description" TEXT, "updatedById" TEXT REFERENCES "User"("id") ON DELETE SET NULL);
INSERT INTO "FeatureFlag" SELECT 'flag-' || g, g % 2 = 0, NULL, pg_temp.admin('ff', g) FROM generate_series(1, 24) g;
CREATE TABLE "FeatureFlagOverride" ("flagKey" TEXT NOT NULL REFERENCES "FeatureFlag"("key") ON DELETE CASCADE, "subjectUserId" TEXT NOT NULL, "enabled" BOOLEAN NOT NULL, PRIMARY KEY ("flagKey", "subjectUserId"));
INSERT INTO "FeatureFlagOverride" SELECT DISTINCT 'flag-' || 1 + g % 24, pg_temp.client('ffo', g), true FROM generate_series(1, 140) g;
CREATE TABLE "UserVersion" ("id" TEXT PRIMARY KEY, "versionOf" TEXT NOT NULL, "snapshot" JSONB NOT NULL, "changedBy" TEXT, "changedAt" TIMESTAMP(3) NOT NULL);
INSERT INTO "UserVersion" SELECT pg_temp.cid('DS', g), "id", jsonb_build_object('email', "email", 'name', "name"), pg_temp.admin('ds', g), now() FROM (SELECT row_number() OVER (ORDER BY "id") g, * FROM "User" WHERE "role" = 'CLIENT') u WHERE g % 2 = 0;

DROP FUNCTION pg_temp.support(text, bigint), pg_temp.admin(text, bigint), pg_temp.coach(text, bigint), pg_temp.client(text, bigint), pg_temp.usr(bigint), pg_temp.em(bigint), pg_temp.ln(bigint), pg_temp.fn(bigint), pg_temp.ts(text, bigint, int), pg_temp.r(text, bigint, int), pg_temp.cid(text, bigint);
