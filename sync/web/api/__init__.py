"""The JSON API under `/api/v1`. It shows what is stored, as it was judged last, and judges nothing itself."""
