void f(int64_t price);
void g(int64_t price_cents);
void h(float x);
void i(double amount);
