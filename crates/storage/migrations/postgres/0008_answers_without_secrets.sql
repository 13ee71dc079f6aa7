-- Answers that show an API key were kept whole: the key goes, and a repetition says that it was shown once.
UPDATE idempotency_records
SET response_body = ((response_body::jsonb - 'api_key') || jsonb_build_object('message',
    'the key was made, and shown once in the first answer: it is not kept; if that answer was lost, delete this key and make another'))::text
WHERE response_body LIKE '{"secret":{%,"api\_key":"_k\_%"}' ESCAPE '\';
