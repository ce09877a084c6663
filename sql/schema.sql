-- The five bank tables that `generate` writes and that the shipped queries read. PostgreSQL 14.
-- Applying it again changes nothing.
--
-- Double entry. A movement of money is two rows of `transactions`, its legs, that share a
-- movement_id and add up to zero; each leg changes the balance of its wallet. Money that comes from
-- outside (deposits) or goes there (card payments) comes from, or goes to, the bank's own clearing
-- wallet of that currency. So after every commit, and in every snapshot:
--
--   select sum(balance) from wallets;        -- 0
--   select sum(amount) from transactions;    -- 0
--
-- A reader who ever sees another sum has seen half of a source transaction. Per wallet, the sum of
-- its legs is its balance.

CREATE TABLE IF NOT EXISTS public.users (
  id                uuid PRIMARY KEY,
  full_name         text NOT NULL,
  email             text NOT NULL UNIQUE,
  phone             text NOT NULL,
  birth_date        date NOT NULL,
  country           text NOT NULL CHECK (length(country) = 2),
  locale            text NOT NULL,
  address           jsonb NOT NULL,
  kyc_level         smallint NOT NULL DEFAULT 0 CHECK (kyc_level BETWEEN 0 AND 3),
  status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
  marketing_consent boolean NOT NULL DEFAULT false,
  tags              text[] NOT NULL DEFAULT '{}',
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.wallets (
  id             uuid PRIMARY KEY,
  user_id        uuid REFERENCES public.users (id),
  account_number text NOT NULL UNIQUE,
  kind           text NOT NULL CHECK (kind IN ('current', 'savings', 'clearing')),
  name           text NOT NULL,
  currency       text NOT NULL CHECK (length(currency) = 3),
  balance        numeric(18,2) NOT NULL DEFAULT 0,
  daily_limit    numeric(18,2),
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'frozen', 'closed')),
  version        integer NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT wallets_owner CHECK ((kind = 'clearing') = (user_id IS NULL)),
  CONSTRAINT wallets_not_overdrawn CHECK (kind = 'clearing' OR balance >= 0)
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS public.transactions (
  id                     uuid PRIMARY KEY,
  movement_id            uuid NOT NULL,
  wallet_id              uuid NOT NULL REFERENCES public.wallets (id),
  counterparty_wallet_id uuid NOT NULL REFERENCES public.wallets (id),
  kind                   text NOT NULL
    CHECK (kind IN ('deposit', 'transfer', 'card_payment', 'reversal')),
  amount                 numeric(18,2) NOT NULL CHECK (amount <> 0),
  currency               text NOT NULL,
  balance_after          numeric(18,2) NOT NULL,
  status                 text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'reversed')),
  reversal_of            uuid REFERENCES public.transactions (id),
  description            text NOT NULL,
  merchant               text,
  metadata               jsonb NOT NULL DEFAULT '{}',
  value_date             date NOT NULL,
  created_at             timestamptz NOT NULL DEFAULT now(),
  updated_at             timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.notifications (
  id             uuid PRIMARY KEY,
  user_id        uuid NOT NULL REFERENCES public.users (id),
  transaction_id uuid REFERENCES public.transactions (id),
  kind           text NOT NULL
    CHECK (kind IN ('welcome', 'money_in', 'money_out', 'reversal', 'security')),
  channel        text NOT NULL CHECK (channel IN ('push', 'email', 'sms')),
  title          text NOT NULL,
  body           text NOT NULL,
  payload        jsonb NOT NULL DEFAULT '{}',
  read_at        timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.beneficiaries (
  id             uuid PRIMARY KEY,
  user_id        uuid NOT NULL REFERENCES public.users (id),
  wallet_id      uuid REFERENCES public.wallets (id),
  name           text NOT NULL,
  nickname       text,
  account_number text NOT NULL,
  currency       text NOT NULL CHECK (length(currency) = 3),
  is_favorite    boolean NOT NULL DEFAULT false,
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE public.users IS 'Customers of the bank.';
COMMENT ON TABLE public.wallets IS
  'Accounts of customers, and one clearing wallet of the bank itself for each currency. '
  'The sum of all balances is 0 after every commit.';
COMMENT ON COLUMN public.wallets.balance IS
  'Sum of the amounts of this wallet''s transactions. Only clearing wallets may be negative.';
COMMENT ON COLUMN public.wallets.version IS 'Counts the changes of the balance by live traffic.';
COMMENT ON TABLE public.transactions IS
  'Legs of movements of money. The two legs of a movement add up to 0.';
COMMENT ON COLUMN public.transactions.movement_id IS 'Shared by the two legs of a movement.';
COMMENT ON COLUMN public.transactions.balance_after IS
  'Balance of wallet_id when this leg was booked.';
COMMENT ON COLUMN public.transactions.reversal_of IS 'The leg that this one takes back.';
COMMENT ON TABLE public.notifications IS 'Messages to customers; read_at is null while unread.';
COMMENT ON TABLE public.beneficiaries IS 'Whom a customer sends money to.';

CREATE INDEX IF NOT EXISTS users_phone ON public.users (phone);
CREATE INDEX IF NOT EXISTS wallets_user ON public.wallets (user_id);
CREATE INDEX IF NOT EXISTS transactions_wallet_time
  ON public.transactions (wallet_id, created_at DESC);
CREATE INDEX IF NOT EXISTS transactions_movement ON public.transactions (movement_id);
CREATE INDEX IF NOT EXISTS transactions_time ON public.transactions (created_at);
CREATE UNIQUE INDEX IF NOT EXISTS transactions_reversal_of
  ON public.transactions (reversal_of) WHERE reversal_of IS NOT NULL;
CREATE INDEX IF NOT EXISTS notifications_user_time
  ON public.notifications (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS notifications_time ON public.notifications (created_at);
CREATE INDEX IF NOT EXISTS beneficiaries_user ON public.beneficiaries (user_id);
