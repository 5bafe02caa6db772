;; A panic in the small build is a WebAssembly exception. TinyGo cannot recover, so the
;; build joins this module with the filter (small.mk), and the filter imports throw and
;; catch from it.
(module
  (import "filter" "__stack_pointer" (global $stack (mut i32)))
  (import "filter" "own_attempt" (func $attempt))

  (tag $panic)

  ;; TinyGo's runtime calls throw where it would trap.
  (func (export "throw") (throw $panic))

  ;; catch calls the function that the filter attempts. The result is 1 after a panic.
  ;; The functions that the panic ended have not given their stack back. Traps, such as
  ;; the one of a stack overflow, are no exceptions and end the VM.
  (func (export "catch") (result i32)
    (local $before i32)
    (local.set $before (global.get $stack))
    (block $panicked
      (try_table (catch $panic $panicked) (call $attempt))
      (return (i32.const 0)))
    (global.set $stack (local.get $before))
    (i32.const 1)))
