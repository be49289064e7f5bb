/* The self-test on a bare RV32 core: its own start-up, and the two system calls that qemu-riscv32 answers. */
#include <stdint.h>

#include "bitlogic_net_selftest.h"

static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void put(char character)
{
    call(64, 1, (long)&character, 1); /* write */
}

void _start(void)
{
    call(93, bitlogic_net_selftest(put) == 0 ? 0 : 1, 0, 0); /* exit */
    for (;;) {
    }
}
