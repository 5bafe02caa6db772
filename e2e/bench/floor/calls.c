// The host calls that Bearerauth makes for a request, and nothing else: what is left of the filter if its own part cost nothing.
#include <stdint.h>
#define EX(n) __attribute__((export_name(#n)))
#define IM(n) __attribute__((import_module("env"), import_name(#n)))
typedef uint32_t u32;
IM(proxy_get_current_time_nanoseconds) extern u32 now(uint64_t *);
IM(proxy_get_header_map_value) extern u32 get(u32, const char *, u32, char **, u32 *);
IM(proxy_get_header_map_pairs) extern u32 pairs(u32, char **, u32 *);
IM(proxy_remove_header_map_value) extern u32 cut(u32, const char *, u32);
IM(proxy_replace_header_map_value) extern u32 set(u32, const char *, u32, const char *, u32);
IM(proxy_set_property) extern u32 publish(const char *, u32, const char *, u32);
static char heap[1 << 20];
static u32 top;
static uint64_t at;
EX(proxy_abi_version_0_2_1) void abi(void) {}
EX(proxy_on_memory_allocate) void *allocate(u32 n) {
  if (top + n > sizeof heap) top = 0;
  void *p = heap + top;
  top += (n + 7) & ~7u;
  return p;
}
EX(_initialize) void initialize(void) {}
EX(proxy_on_vm_start) u32 vm_start(u32 a, u32 b) { return 1; }
EX(proxy_on_configure) u32 configure(u32 a, u32 b) { return 1; }
EX(proxy_on_context_create) void create(u32 a, u32 b) {}
EX(proxy_on_delete) void destroy(u32 a) {}
// 1 holds the request back.
EX(proxy_on_request_headers) u32 request_headers(u32 a, u32 b, u32 c) {
  char *p;
  u32 n;
  if (now(&at)) return 1;
#ifdef IDENTITY
  if (pairs(0, &p, &n) || publish("bearerauth.sub", 14, "client-0", 8) || cut(0, "authorization", 13) ||
      set(0, "x-auth-subject", 14, "client-0", 8))
    return 1;
#ifdef CLAIMS
  if (set(0, "x-auth-tier", 11, "gold", 4) || set(0, "x-auth-org", 10, "acme", 4)) return 1;
#endif
#else
  if (get(0, "authorization", 13, &p, &n) || get(0, ":path", 5, &p, &n)) return 1;
#endif
  return 0;
}
