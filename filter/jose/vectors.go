package jose

// Made once by a throw-away program with Go's crypto; the private keys were never kept.
// selftest_test.go checks them by crypto/x509 and Go's verifiers.

const (
	selfTestRSA = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr8ZTQhhz7A9x5dHJ1zn4__sFqdrYdNA2UpJh4EA7NvilDoqiDjz5" +
		"LUfXOBwj8m6ZAoN9apNqkrDgby_xFB2KD0e2IXiDYMTAv8-QiNjGLT8b0q4FLYgS46-zreMPEXtrry7jQ9txN9Wpgl39Ftd8" +
		"fMSj2fMwiQoiscc8SnF8j3rvLVgBP2uP0GXPXjHoB67vLvsBElvad27GVJozxe8ZcsFagDschU5aRHebnStoTDL9JbYX3BFa" +
		"E0DjgQtH77Unht8rCo0ZCbcNVHTIaT3ZRMt_-P7jjeTjX-yqiOrZcGet33cI8lKwvdyBBrvAlvLl_yGBswdYIoE5W_lzRNVX" +
		"hwIDAQAB"
	selfTestOtherRSA = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu7OCUng5TiKZtqOik_MGIGDY8RiwH-herL4dO_099Pmou3zf6bbw" +
		"2wXvbc1UrdXLUx1zJoMCts7vHCMT6M9ik_uvaqknNYco29R8RNGotF_Koc52IDIycronorPzzYbN-D9rU94Pc6N5KQ3wb2fp" +
		"XQiMuIDz6O4WwMevAJ4k8eac80R478p15zSp23mk-wFbvx1yVM2ndYp6iiOGBtJDiveUAhkc-lBRXoaX4z0G6AXYwxJ2_Q8p" +
		"sRx24cIYknB0BpBxFGslFhjhWrZQf9-lpkg6ey9aTfipBCxsZB3IsmG6MiY13I5FNShTSVVza0k6IKzzwB_jSAGoRLI0kgGz" +
		"7wIDAQAB"
	selfTestES256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1MpJ8zARDHTpHx1jAswfTQOwwuAMj4j7xVo2i_wk2NnNmRbsbL7--WBbqhNZ" +
		"gkK7zqScmRIuK3Nbto477JkJTQ"
	selfTestOtherES256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE932Nk5bRSfJ9fPs_deyHH40HmwcN_Yk3ZJ82oy5NQjGhr0VPrIohLfjiZhWX" +
		"qsg5HIvR41xMh4U-jmLaxB4wsw"
	selfTestES384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEk8U6ysWLWMPRYr9Gyp_f6YCuwwT-14_AHRhStoZcpI8vJBmfqZsZ9AvEADS8Cjjr" +
		"FCdgz8qArbBgHQ1gkIkoZ42LOTHLcwTWAY-AJLNDIyt4vPPG7pdTKqVsAbC6N4B2"
	selfTestOtherES384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEhQCUlgcqLqhZUD_V5mbTPg8byRcSJ2mFkhbmbsstfbyIqjN0IUMgBZlyBKY_zJjX" +
		"vAJcdI9Wg1iHbXGKUHxwAHoJETBunMCn6VHO4kdDqWsb5O0OIJCNo30yst-Xcp-f"
	selfTestES512 = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAb56FWnr3hkoLZV30OcskBQ00dF5EeKN5lt3KLA8UoPUSWil6d0PIRfruCIBZ" +
		"rABBll2CGwNZF6H0uMtO69nLrnYB2rI3U6OyKPwa18MuOLmE3kGOueIc9r3V9WckfqxKHbylKA8yX1KsqgoF7KWk2pYw_DrO" +
		"cw1tm_So0HjoBE_Ht5E"
	selfTestOtherES512 = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAoCm4HfUvcMe1tNSfyiDOsWLQT59WgXPnh3R73bFRj2RlCI-kR0jgygVSaaw1" +
		"FkQPc24bvqBOaeOFxO2LYzG08n8BSewfeXRirklGbUZlGnHnVxUbsBYNq-RpMg7LExIyPtkWaaGCVF26-_kYRzlVZoqA3KeW" +
		"BXXZ89P3pLpBh2pjym4"
	selfTestEd          = "MCowBQYDK2VwAyEAHlL0aEw3u-w0UpIyNrA5jR6SHbxMSuXuZsN3ao0QWjI"
	selfTestOtherEd     = "MCowBQYDK2VwAyEAkqUPn0QMUqkGloJDZWNhacx3srzF7fDQrjr9WQP5O98"
	selfTestSecret      = "1KHuNyNugmUL_a5lLvPf3_RgZrnKxGQ2tldpB6E-7RbB_Cs2Rn-v--GSuNxtgm7IxhwkU2Nxhc7I6Xr3aoqNEA"
	selfTestOtherSecret = "0DYqMkigkEKkXu9wFXuAr3Y21yo0YwObqHiUi7tM-TNlwk-Do_VRpUsuNMWxj1CctktqSMf1d0bbegXaaIKSpg"
)

var selfTestVectors = [numAlgorithms]vector{
	RS256: {[2]string{selfTestRSA, selfTestOtherRSA}, "lWgxN7SW5Rk1YZSe1iiLRQt8cNqnoCAJoS3fQAyXFn2RiX5e5-GV9tSnhs_7i38n2iWsDNE2C13VCo_7h0lej6B9ikTfXGiX" +
		"Wvq-eZ_1wJ-n4wBGIx4ZrkYsL5JK3Ri3_mr8cUyT_lpv2gEa-01IqxFg6_FhSsUobviLplEf6B3qG0LVKE94QoKaTaIZ1U4b" +
		"Mv4PHOc5uNcwT8OlDcqPhq85QjMuhLNa27Vr09ELFidCUwWVRA1jhZmf_jaO4Ab_AQQ4McrDrSoRv7hKQoa6qoiEsRhP-kuR" +
		"9Fg8LeoVPKp-g4KDb1Mm-Q0mhpoh3DrJjsSQLjC4_8K4rKJnrKHgxw"},
	RS384: {[2]string{selfTestRSA, selfTestOtherRSA}, "N1A43M95hrvuwNSHC2RSrxU_7TD5iqN_895lh3KheFvt2mNruPRwy5xItFJwkKwb7DQuOVlzlpj0RZkqlR6MV7a3Pul78Ugh" +
		"OppLFXNodcv08em3Qan2S63NTzS1uCKnFj48DbXdevfwlATKFfA0QUrN5_ihvsHkyZtBKj7Ozi95eJUhHOCTWVbfAC2P5dSk" +
		"bl6-p-2dGecwLFWDtQvvjLTcoDB_q81-PfjAQy8H3_9tc6-WHSYfbgoW5BcxJW0Syd6a8p-RyBCb6cemadqwmEbYTWe_kEVq" +
		"JeUSycmj388slmqk_33k7YyU8gRJzCP3GA5IUQcPgqGiIpq0nu-a-A"},
	RS512: {[2]string{selfTestRSA, selfTestOtherRSA}, "FCgYUaHVaMSvi8Uxj5pBUo1ocXMwRsNzF8A9QNCj9hQS7ekCZWpQn2F3L-0k2Y0mwjZPo-KEJ3U2zna-8_-r5btA13KunRp7" +
		"WuxmwfabxMDoqWuDQSIVEOGGX3YELx6_VokbEwtbNAlSRp6HeTVUbGU_-ZfSXemkuiaiJuqBrEDSsvaWLOjiM4wwAgVB4Fc7" +
		"ojgS945mE2eQs-O0_mjBkMnlLOcnVShgT16KVCVnCr375o5n6BAvu4Ar39CfoxHXgQPgyIZGKD3dVSwpciN0Sv3_ddshphhA" +
		"S5a9zJKn-LzrrmMGtOK5-VLoeQnQdMhdXzjtxS7rnVm5B4284ezGXg"},
	PS256: {[2]string{selfTestRSA, selfTestOtherRSA}, "jl6FEmSb3vuHSoUHnsntGtIr6dqFH7ioOvZXTrCrwRF1HotaNlbqRiDKfsUZ3EtodiL2EjkgvizLl-fpl3AURgpCWml8GSmU" +
		"gRp1Yzopl6Ohgg_xe2ZwixN3SRE5G_cK9RZgi3WX6IwLBAgEe12fBmo9vT4QfWeHACrPNU8j34o_DtEdydSskKgCrftzpXvR" +
		"Z8MfXxAAIUlETU32-jm1b7ECRrv9_DumPR9OpAqrPrhgoO_ZSVLp4DCQ3lJCUoW9MQqY_pCfPk8eiDkxffwjmp4_D7rDa6TT" +
		"blc-0GRv59JGnLQd-3jMSIS8RbiiqVzk6xPf0CZi05ZoHJNPTYauyw"},
	PS384: {[2]string{selfTestRSA, selfTestOtherRSA}, "jgChFDdbs0GkxIaDnNoj6u2zJ8nHrs6NRzKyDyJM-dHKnepRvxVp2-ABk2rUplBYaPL1DX7832uSsRqPhRdSHrg4lKFL7fqS" +
		"NU_AmTjw5VdDm5Ob2LtPVxsTqFlqvI3Z5udNrhmS-1xmaVeOslWr_JxMbBaFwk_eXgKxjp_Y1dBDAIrEfxNJCDOmcvLhXHpJ" +
		"GdoLwAbdANbUWLUHWHLGL8Ogz2A6ZUEAy9VJsukGDgH2RGxvPlRNulHiGIByjHn-fpYIc73NSecKdNL8Xy-EY72QMXAasQW_" +
		"jSnUcl4RFMp2oSzTf766Hf1vdCUMCIFHCsQi80wawcZ2ck0685qEYw"},
	PS512: {[2]string{selfTestRSA, selfTestOtherRSA}, "H-5WxEGFZBz9ixslSqR_ylup9B2IlosMAtLtmTbJeMCd8_eyTAMsPj0_rkY8Upoj1Pq8vBUROqzNrt9kj8xyT88-qRGckKZo" +
		"zpDIvizQ6RfNCjUrg3U5iyGegUwhMre-Crr0xG5ob5cLPjgoxBF4b3eXYnc6_N9SOogTnJD4HpjJLbYsF86aN9CD09vkO3Sj" +
		"zndjzQvDL7hbNZQg0EFAuuyK9kNLM07imB_2lMnsqfdl2KAApWOi0rIeYhqhjplLac18VG903GF_YRp3ObE7aqnE186EQ_Fi" +
		"-OnAcbtM3mahMPOMjD8Ewf2xHscb3I7VIg7vIookA3Rc7nG3hc4kHA"},
	ES256: {[2]string{selfTestES256, selfTestOtherES256}, "kgTx0B8VSiyoztXbo7dd94qvdZEhLknjEVkMnKCD-8MhtrD1VYkPB05ftJyHVfQm8Ncscr5KQdkVhmhsXRPITQ"},
	ES384: {[2]string{selfTestES384, selfTestOtherES384}, "3rw39VONlG63p5txWkF4poVKw-UdKR4MGv2XzvJSZv6vgwQT1Dkpk5c1ZrAqIYUXwcTft5Y5HUGZUehwtZCLQlE6mhmYmQZG" +
		"JZ3eRo79RFe8vh3lPS0F3tMUX75S4HXV"},
	ES512: {[2]string{selfTestES512, selfTestOtherES512}, "APOlPBVjsy_XcQ8283AbCmCN9vI7wvKmJtBljbNh3rncang4UTFIHrXbaM2Jx2HhpNNuAj_YNgmdS5RfRPaSHIm-AazcKiN8" +
		"gNU_wCHG-VJ96QyuZ9ZdJvYxf_qgMBavcY2q6NqPpibEFtHqJm70tnx-QpyfITO1adMRncbxlb1784HI"},
	HS256: {[2]string{selfTestSecret, selfTestOtherSecret}, "0kL4cQdZGIndUGJYg5oVorz3afOQFFRJXges8XS8E0c"},
	HS384: {[2]string{selfTestSecret, selfTestOtherSecret}, "FN2SvSKEnVOPEvzpfi5ZAL7fEUGS8rbvvredBwTcm8O4ZkEqCyZRiPB3qS4jmpiY"},
	HS512: {[2]string{selfTestSecret, selfTestOtherSecret}, "kWX4nAKtT70l1ZQwAtRgLotgITJfg1W9iLz1lx6eXv84kazj2261WF8wELIQXndN3-nA3QsYB2w-5Rrw-zmDHw"},
	EdDSA: {[2]string{selfTestEd, selfTestOtherEd}, "MhXqYmwLEiT4IGr5CyTJP50r1tixzqyzg4vxXUPH4S3PCoGoqMF095MHzeEKDK1REnJOSiEPkDypOgQ8ALN6Dw"},
}
