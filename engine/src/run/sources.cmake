# The forward pass, sessions, generation, and the registries of methods. Read by engine/CMakeLists.txt.
set(ENG_RUN_SOURCES
  src/base/clock.c
  src/run/attention.c
  src/run/attn_ref.c
  src/run/attn_select.c
  src/run/cache.c
  src/run/eval.c
  src/run/follow.c
  src/run/forward.c
  src/run/generate.c
  src/run/memory_need.c
  src/run/methods.c
  src/run/ops.c
  src/run/recur_portable.c
  src/run/recur_select.c
  src/run/recurrence.c
  src/run/rope.c
  src/run/rows.c
  src/run/sampler.c
  src/run/score.c
  src/run/sequence.c
  src/run/session.c
  src/run/store_kv.c
  src/run/trace.c
  src/backends/backend_cpu.c
  src/backends/backend_npu_sim.c
  src/backends/backend_opencl.c
  src/exit/exit_none.c
  src/exit/exit_verify.c
  src/reduce/reduce_none.c
  src/reduce/reduce_streaming.c)

# One file per instruction set, chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND ENG_RUN_SOURCES src/run/attn_avx2.c src/run/attn_avx512.c)
  set_source_files_properties(src/run/attn_avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  list(APPEND ENG_RUN_SOURCES src/run/recur_avx2.c src/run/recur_avx512.c)
  set_source_files_properties(src/run/recur_avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  set_source_files_properties(src/run/attn_avx512.c src/run/recur_avx512.c PROPERTIES COMPILE_OPTIONS
    "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND ENG_RUN_SOURCES src/run/attn_neon.c src/run/recur_neon.c)
endif()
