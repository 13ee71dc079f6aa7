-- Answers that show an API key were kept whole: the key goes, also from the pages of the file, and a repetition says that it was shown once.
PRAGMA secure_delete = ON;

UPDATE idempotency_records
SET response_body = json_set(json_remove(response_body, '$.api_key'), '$.message',
    'the key was made, and shown once in the first answer: it is not kept; if that answer was lost, delete this key and make another')
WHERE response_body LIKE '{"secret":{%,"api\_key":"_k\_%"}' ESCAPE '\';
