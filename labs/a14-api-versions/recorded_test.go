package versions_test

// recording is what a client of January 2024 has sent, and what it got for it.
const recording = `
> GET /customers
< 200 [{"email":"c1@example.com","id":1,"name":"Ada Lovelace","newsletter":false},{"email":"c2@example.com","id":2,"name":"Plato","newsletter":false},{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":false}]
> PATCH /customers/1
{"name":"Ada King"}
< 200 {"email":"c1@example.com","id":1,"name":"Ada King","newsletter":false}
> GET /customers
< 200 [{"email":"c1@example.com","id":1,"name":"Ada King","newsletter":false},{"email":"c2@example.com","id":2,"name":"Plato","newsletter":false},{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":false}]
> PATCH /customers/1
{"email":"ada@example.org"}
< 200 {"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false}
> PATCH /customers/2
{"name":"Aristotle"}
< 200 {"email":"c2@example.com","id":2,"name":"Aristotle","newsletter":false}
> PATCH /customers/2
{"name":"Aristotle of Stageira"}
< 200 {"email":"c2@example.com","id":2,"name":"Aristotle of Stageira","newsletter":false}
> PATCH /customers/2
{"name":"Plato","email":"plato@example.org"}
< 200 {"email":"plato@example.org","id":2,"name":"Plato","newsletter":false}
> PATCH /customers/9007199254740993
{"newsletter":true}
< 200 {"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":true}
> PATCH /customers/77
{"name":"Nobody There"}
< 404 {"status":404,"title":"Not Found","type":"about:blank"}
> PATCH /customers/1
{}
< 200 {"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false}
> GET /customers
< 200 [{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":true}]
> POST /orders
{"ref":"2024-1","customer":{"id":1},"items":[{"sku":"r1","name":"Rye bread","price":4.35}]}
< 201 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},"id":4711,"items":[{"name":"Rye bread","price":4.35,"sku":"r1"}],"ref":"2024-1","total":4.35}
> GET /orders/4711
< 200 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},"id":4711,"items":[{"name":"Rye bread","price":4.35,"sku":"r1"}],"ref":"2024-1","total":4.35}
> POST /orders
{"ref":"2024-1","customer":{"id":1},"items":[{"sku":"r1","name":"Rye bread","price":4.35}]}
< 409 {"current":{"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},"id":4711,"items":[{"name":"Rye bread","price":4.35,"sku":"r1"}],"ref":"2024-1","total":4.35},"status":409,"title":"Conflict","type":"about:blank"}
> POST /orders
{"ref":"2024-2","customer":{"id":2,"name":"Plato"},"items":[{"sku":"c2","name":"Cheese cake","price":0.29},{"sku":"c2","name":"Cheese cake","price":0.29}]}
< 201 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},"id":4712,"items":[{"name":"Cheese cake","price":0.29,"sku":"c2"},{"name":"Cheese cake","price":0.29,"sku":"c2"}],"ref":"2024-2","total":0.58}
> GET /orders/4712
< 200 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},"id":4712,"items":[{"name":"Cheese cake","price":0.29,"sku":"c2"},{"name":"Cheese cake","price":0.29,"sku":"c2"}],"ref":"2024-2","total":0.58}
> POST /orders
{"customer":{"id":9007199254740993},"items":[{"sku":"x","name":"Gift wrap","price":0},{"sku":"v","name":"Voucher","price":-1.15}]}
< 201 {"currency":"EUR","customer":{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":true},"id":4713,"items":[{"name":"Gift wrap","price":0,"sku":"x"},{"name":"Voucher","price":-1.15,"sku":"v"}],"total":-1.15}
> GET /orders/4713
< 200 {"currency":"EUR","customer":{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":true},"id":4713,"items":[{"name":"Gift wrap","price":0,"sku":"x"},{"name":"Voucher","price":-1.15,"sku":"v"}],"total":-1.15}
> POST /orders
{"customer":{"id":3},"items":[{"sku":"r1","name":"Rye bread","price":4.35}]}
< 422 {"status":422,"title":"Unprocessable Entity","type":"about:blank"}
> POST /orders
{"customer":{"id":1},"items":[]}
< 422 {"status":422,"title":"Unprocessable Entity","type":"about:blank"}
> POST /orders
{"customer":{"id":1}}
< 422 {"status":422,"title":"Unprocessable Entity","type":"about:blank"}
> GET /orders/4714
< 404 {"status":404,"title":"Not Found","type":"about:blank"}
> POST /orders
{"ref":"2024-3","customer":{"id":1},"total":0.30000000000000004,"items":[{"sku":"a","name":"Sweet A","price":0.1},{"sku":"b","name":"Sweet B","price":0.2}]}
< 201 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},"id":4714,"items":[{"name":"Sweet A","price":0.1,"sku":"a"},{"name":"Sweet B","price":0.2,"sku":"b"}],"ref":"2024-3","total":0.3}
> GET /orders/4714
< 200 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada King","newsletter":false},"id":4714,"items":[{"name":"Sweet A","price":0.1,"sku":"a"},{"name":"Sweet B","price":0.2,"sku":"b"}],"ref":"2024-3","total":0.3}
> PATCH /customers/1
{"name":"Ada Lovelace"}
< 200 {"email":"ada@example.org","id":1,"name":"Ada Lovelace","newsletter":false}
> GET /orders/4711
< 200 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada Lovelace","newsletter":false},"id":4711,"items":[{"name":"Rye bread","price":4.35,"sku":"r1"}],"ref":"2024-1","total":4.35}
> GET /orders/4714
< 200 {"currency":"EUR","customer":{"email":"ada@example.org","id":1,"name":"Ada Lovelace","newsletter":false},"id":4714,"items":[{"name":"Sweet A","price":0.1,"sku":"a"},{"name":"Sweet B","price":0.2,"sku":"b"}],"ref":"2024-3","total":0.3}
> POST /orders
{"ref":"2024-4","customer":{"id":2},"note":"Ring twice","items":[{"sku":"h","name":"Ham","price":19.99,"weight":1.50}]}
< 201 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},"id":4715,"items":[{"name":"Ham","price":19.99,"sku":"h","weight":1.50}],"note":"Ring twice","ref":"2024-4","total":19.99}
> GET /orders/4715
< 200 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},"id":4715,"items":[{"name":"Ham","price":19.99,"sku":"h","weight":1.50}],"note":"Ring twice","ref":"2024-4","total":19.99}
> POST /orders
{"ref":"2024-4","customer":{"id":1},"items":[{"sku":"h","name":"Ham","price":20}]}
< 409 {"current":{"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato","newsletter":false},"id":4715,"items":[{"name":"Ham","price":19.99,"sku":"h","weight":1.50}],"note":"Ring twice","ref":"2024-4","total":19.99},"status":409,"title":"Conflict","type":"about:blank"}
> GET /orders/none
< 404 {"status":404,"title":"Not Found","type":"about:blank"}
> PATCH /customers/2
{"name":"Plato of Athens","newsletter":true}
< 200 {"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":true}
> GET /customers
< 200 [{"email":"ada@example.org","id":1,"name":"Ada Lovelace","newsletter":false},{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":true},{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob van der Berg","newsletter":true}]
> POST /orders
{"ref":"2024-5","customer":{"id":2,"name":"Plato of Athens","email":"plato@example.org"},"items":[{"sku":"big","name":"Oven","price":12345.67},{"sku":"s","name":"Screw","price":0.01}]}
< 201 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":true},"id":4716,"items":[{"name":"Oven","price":12345.67,"sku":"big"},{"name":"Screw","price":0.01,"sku":"s"}],"ref":"2024-5","total":12345.68}
> GET /orders/4716
< 200 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":true},"id":4716,"items":[{"name":"Oven","price":12345.67,"sku":"big"},{"name":"Screw","price":0.01,"sku":"s"}],"ref":"2024-5","total":12345.68}
> PATCH /customers/2
{"newsletter":false,"tags":["old","friend"]}
< 200 {"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":false,"tags":["old","friend"]}
> GET /orders/4716
< 200 {"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":false,"tags":["old","friend"]},"id":4716,"items":[{"name":"Oven","price":12345.67,"sku":"big"},{"name":"Screw","price":0.01,"sku":"s"}],"ref":"2024-5","total":12345.68}
> POST /orders
{"ref":"2024-5","customer":{"id":2},"items":[{"sku":"s","name":"Screw","price":0.01}]}
< 409 {"current":{"currency":"EUR","customer":{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":false,"tags":["old","friend"]},"id":4716,"items":[{"name":"Oven","price":12345.67,"sku":"big"},{"name":"Screw","price":0.01,"sku":"s"}],"ref":"2024-5","total":12345.68},"status":409,"title":"Conflict","type":"about:blank"}
> PATCH /customers/9007199254740993
{"name":"Bob"}
< 200 {"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob","newsletter":true}
> GET /customers
< 200 [{"email":"ada@example.org","id":1,"name":"Ada Lovelace","newsletter":false},{"email":"plato@example.org","id":2,"name":"Plato of Athens","newsletter":false,"tags":["old","friend"]},{"email":"c9007199254740993@example.com","id":9007199254740993,"name":"Bob","newsletter":true}]
`
