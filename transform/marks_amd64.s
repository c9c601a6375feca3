#include "textflag.h"

// The bytes that end plain text, and what tells whether bytes are UTF-8, after "Validating UTF-8 In Less Than One Instruction
// Per Byte" by John Keiser and Daniel Lemire, which simdjson has as lookup4: of each two bytes behind each other, the halves of
// the first and the upper half of the second name the faults that they may be part of, one bit for each kind of fault, and
// a pair is at fault if all three name the same one. Whether a byte has to be the third or fourth of its rune is compared with
// the fault "two continuations".

// By the upper half of the first byte.
DATA firstHigh<>+0(SB)/8, $0x0202020202020202
DATA firstHigh<>+8(SB)/8, $0x4915012180808080
GLOBL firstHigh<>(SB), RODATA|NOPTR, $16

// By its lower half.
DATA firstLow<>+0(SB)/8, $0xCBCBCB8B8383A3E7
DATA firstLow<>+8(SB)/8, $0xCBCBDBCBCBCBCBCB
GLOBL firstLow<>(SB), RODATA|NOPTR, $16

// By the upper half of the second byte.
DATA secondHigh<>+0(SB)/8, $0x0101010101010101
DATA secondHigh<>+8(SB)/8, $0x01010101BABAAEE6
GLOBL secondHigh<>(SB), RODATA|NOPTR, $16

// A quote in each byte, and so on.
DATA quote<>+0(SB)/8, $0x2222222222222222
DATA quote<>+8(SB)/8, $0x2222222222222222
DATA quote<>+16(SB)/8, $0x2222222222222222
DATA quote<>+24(SB)/8, $0x2222222222222222
GLOBL quote<>(SB), RODATA|NOPTR, $32

DATA backslash<>+0(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA backslash<>+8(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA backslash<>+16(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA backslash<>+24(SB)/8, $0x5C5C5C5C5C5C5C5C
GLOBL backslash<>(SB), RODATA|NOPTR, $32

// The last control character.
DATA control<>+0(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA control<>+8(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA control<>+16(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA control<>+24(SB)/8, $0x1F1F1F1F1F1F1F1F
GLOBL control<>(SB), RODATA|NOPTR, $32

// The lower half of a byte.
DATA lower<>+0(SB)/8, $0x0F0F0F0F0F0F0F0F
DATA lower<>+8(SB)/8, $0x0F0F0F0F0F0F0F0F
DATA lower<>+16(SB)/8, $0x0F0F0F0F0F0F0F0F
DATA lower<>+24(SB)/8, $0x0F0F0F0F0F0F0F0F
GLOBL lower<>(SB), RODATA|NOPTR, $32

// What takes 0xE0, the first that begins three bytes, to 0x80.
DATA third<>+0(SB)/8, $0x6060606060606060
DATA third<>+8(SB)/8, $0x6060606060606060
DATA third<>+16(SB)/8, $0x6060606060606060
DATA third<>+24(SB)/8, $0x6060606060606060
GLOBL third<>(SB), RODATA|NOPTR, $32

// What takes 0xF0, the first that begins four bytes, to 0x80.
DATA fourth<>+0(SB)/8, $0x7070707070707070
DATA fourth<>+8(SB)/8, $0x7070707070707070
DATA fourth<>+16(SB)/8, $0x7070707070707070
DATA fourth<>+24(SB)/8, $0x7070707070707070
GLOBL fourth<>(SB), RODATA|NOPTR, $32

// The top bit.
DATA top<>+0(SB)/8, $0x8080808080808080
DATA top<>+8(SB)/8, $0x8080808080808080
DATA top<>+16(SB)/8, $0x8080808080808080
DATA top<>+24(SB)/8, $0x8080808080808080
GLOBL top<>(SB), RODATA|NOPTR, $32

// STOPS sets the bits of m for the bytes of cur that are not plain.
#define STOPS(cur, m) \
	VPCMPEQB cur, Y7, Y4; \
	VPCMPEQB cur, Y8, Y5; \
	VPMINUB cur, Y9, Y6; \
	VPCMPEQB cur, Y6, Y6; \
	VPOR Y4, Y5, Y5; \
	VPOR Y5, Y6, Y6; \
	VPMOVMSKB Y6, m

// FAULTS adds the faults of cur to Y3. What stands before it ends prev. Of its last lines, the first three name the faults of
// each byte and the one before it, and the rest compare them with where a third or fourth byte is due.
#define FAULTS(cur, prev) \
	VPERM2I128 $0x21, cur, prev, Y4; \
	VPALIGNR $15, Y4, cur, Y5; \
	VPSRLW $4, Y5, Y6; \
	VPAND Y10, Y6, Y6; \
	VPSHUFB Y6, Y11, Y6; \
	VPAND Y10, Y5, Y5; \
	VPSHUFB Y5, Y12, Y5; \
	VPAND Y5, Y6, Y6; \
	VPSRLW $4, cur, Y5; \
	VPAND Y10, Y5, Y5; \
	VPSHUFB Y5, Y13, Y5; \
	VPAND Y5, Y6, Y6; \
	VPALIGNR $14, Y4, cur, Y5; \
	VPSUBUSB Y14, Y5, Y5; \
	VPALIGNR $13, Y4, cur, Y4; \
	VPSUBUSB Y15, Y4, Y4; \
	VPOR Y4, Y5, Y5; \
	VPAND top<>(SB), Y5, Y5; \
	VPXOR Y5, Y6, Y6; \
	VPOR Y6, Y3, Y3

// func markAVX2(marks []uint64, b []byte, tail *[64]byte) (valid bool)
TEXT ·markAVX2(SB), NOSPLIT, $0-57
	MOVQ marks_base+0(FP), DI
	MOVQ marks_len+8(FP), CX
	MOVQ b_base+24(FP), SI
	MOVQ tail+48(FP), DX
	VMOVDQU quote<>(SB), Y7
	VMOVDQU backslash<>(SB), Y8
	VMOVDQU control<>(SB), Y9
	VMOVDQU lower<>(SB), Y10
	VBROADCASTI128 firstHigh<>(SB), Y11
	VBROADCASTI128 firstLow<>(SB), Y12
	VBROADCASTI128 secondHigh<>(SB), Y13
	VMOVDQU third<>(SB), Y14
	VMOVDQU fourth<>(SB), Y15
	VPXOR Y0, Y0, Y0 // the 32 bytes before
	VPXOR Y3, Y3, Y3 // faults
	XORL R9, R9      // which of the last bytes are not ASCII

block:
	SUBQ $1, CX
	CMOVQEQ DX, SI // the last block is the tail
	VMOVDQU (SI), Y1
	VMOVDQU 32(SI), Y2
	ADDQ $64, SI
	STOPS(Y1, R8)
	STOPS(Y2, R10)
	SHLQ $32, R10
	ORQ R10, R8
	MOVQ R8, (DI)
	ADDQ $8, DI
	VPOR Y1, Y2, Y4
	VPMOVMSKB Y4, R11
	ORL R11, R9 // a rune may reach from one block into the next
	JEQ ascii
	FAULTS(Y1, Y0)
	FAULTS(Y2, Y1)

ascii:
	MOVL R11, R9
	VMOVDQA Y2, Y0
	TESTQ CX, CX
	JNE block
	VPTEST Y3, Y3
	SETEQ valid+56(FP)
	VZEROUPPER
	RET
