package rehearsal

import "strings"

// locale is where visitors come from.
type locale struct {
	country, name string
	lang          int
	weight        int
	phone         string // of a range kept for fiction, or too short to be anybody's
	cities        []city
	first, last   []person
}

type city struct{ name, region string }

// person is a part of a name, and how it is written in an e-mail address.
type person struct{ native, latin string }

func same(names ...string) []person {
	out := make([]person, len(names))
	for i, n := range names {
		out[i] = person{n, asciiLower(n)}
	}
	return out
}

// asciiLower spells a name with ASCII letters alone, in lower case.
func asciiLower(s string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "ã", "a", "á", "a", "ç", "c", "ê", "e", "õ", "o",
		"ú", "u", "'", "").Replace(strings.ToLower(s))
}

// locales returns the places of the world that visitors come from.
func locales() []locale {
	english1 := same("James", "Olivia", "Noah", "Emma", "Liam", "Ava", "Ethan", "Grace", "Mason", "Zoe", "Caleb", "Ruby")
	english2 := same("Carter", "Bennett", "Hughes", "Sullivan", "Fletcher", "Marsh", "O'Neill", "Walsh", "Reid", "Vance")
	portuguese1 := same("João", "Maria", "Pedro", "Beatriz", "Tiago", "Larissa", "Gonçalo", "Camila", "Rui", "Inês")
	portuguese2 := same("Silva", "Santos", "Ferreira", "Oliveira", "Conceição", "Ramos", "Simões", "Araújo", "Lima")
	german1 := same("Jürgen", "Sabine", "Lukas", "Anneliese", "Felix", "Käthe", "Stefan", "Lena", "Moritz", "Heike")
	german2 := same("Müller", "Schäfer", "Weiß", "Vogel", "Krüger", "Huber", "Zimmermann", "Bauer", "Lorenz")
	japanese1 := []person{{"陽菜", "haruna"}, {"翔太", "shota"}, {"由美子", "yumiko"}, {"大輔", "daisuke"}, {"さくら", "sakura"}, {"誠", "makoto"}}
	japanese2 := []person{{"田中", "tanaka"}, {"鈴木", "suzuki"}, {"高橋", "takahashi"}, {"渡辺", "watanabe"}, {"𠮷田", "yoshida"}, {"山本", "yamamoto"}}
	arabic1 := []person{{"محمد", "mohammed"}, {"فاطمة", "fatima"}, {"عمر", "omar"}, {"مريم", "maryam"}, {"خالد", "khaled"}, {"نورة", "noura"}}
	arabic2 := []person{{"الهاشمي", "alhashimi"}, {"السيد", "elsayed"}, {"النجار", "alnajjar"}, {"منصور", "mansour"}, {"الحربي", "alharbi"}}
	return []locale{
		{"US", "United States", langEN, 20, "+1 202-555-01", []city{{"Portland", "Oregon"}, {"Denver", "Colorado"}, {"Austin", "Texas"}, {"", ""}}, english1, english2},
		{"GB", "United Kingdom", langEN, 14, "+44 20 7946 0", []city{{"Leeds", "England"}, {"Edinburgh", "Scotland"}, {"St. Helier", "Jersey"}}, english1, english2},
		{"IE", "Ireland", langEN, 3, "+353 20 91", []city{{"Cork", "Munster"}, {"Dún Laoghaire", "Leinster"}}, english1, english2},
		{"AU", "Australia", langEN, 4, "+61 2 5550 ", []city{{"Brisbane", "Queensland"}, {"Hobart", "Tasmania"}}, english1, english2},
		{"BR", "Brazil", langPT, 18, "+55 11 5550-", []city{{"São Paulo", "São Paulo"}, {"Curitiba", "Paraná"}, {"Belém", "Pará"}, {"Florianópolis", "Santa Catarina"}}, portuguese1, portuguese2},
		{"PT", "Portugal", langPT, 12, "+351 21 000 ", []city{{"Lisbon", "Lisboa"}, {"Évora", "Évora"}, {"Ponta Delgada", "Azores"}}, portuguese1, portuguese2},
		{"AO", "Angola", langPT, 1, "", []city{{"Luanda", "Luanda"}}, portuguese1, portuguese2},
		{"DE", "Germany", langDE, 13, "+49 30 23125 ", []city{{"Köln", "North Rhine-Westphalia"}, {"Leipzig", "Saxony"}, {"München", "Bavaria"}}, german1, german2},
		{"AT", "Austria", langDE, 3, "", []city{{"Graz", "Styria"}, {"Sankt Pölten", "Lower Austria"}}, german1, german2},
		{"CH", "Switzerland", langDE, 2, "", []city{{"Zürich", "Zürich"}}, german1, german2},
		{"JP", "Japan", langJA, 6, "+81 3 0000 ", []city{{"Ōsaka", "Ōsaka"}, {"Sapporo", "Hokkaidō"}, {"Setagaya-ku", "Tōkyō"}}, japanese1, japanese2},
		{"EG", "Egypt", langAR, 2, "", []city{{"Cairo", "Al Qāhirah"}}, arabic1, arabic2},
		{"SA", "Saudi Arabia", langAR, 1, "", []city{{"Jeddah", "Makkah Province"}}, arabic1, arabic2},
		{"AE", "United Arab Emirates", langAR, 1, "", []city{{"Dubai", "Dubayy"}}, arabic1, arabic2},
	}
}

// browser is a way to write a user agent; %v is a version, %b a build.
type browser struct {
	name, platform, agent string
	weight                int
	first                 int // version in use at the account's begin
}

func browsers() []browser {
	return []browser{
		{"Chrome", "Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%v.0.%b Safari/537.36", 36, 57},
		{"Chrome", "Mac OS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%v.0.%b Safari/537.36", 10, 57},
		{"Chrome", "Android", "Mozilla/5.0 (Linux; Android 9; SM-G960F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%v.0.%b Mobile Safari/537.36", 18, 57},
		{"Safari", "iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Mobile/15E148 Safari/604.1", 16, 0},
		{"Safari", "Mac OS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/14.0 Safari/605.1.15", 6, 0},
		{"Firefox", "Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:%v.0) Gecko/20100101 Firefox/%v.0", 8, 52},
		{"Firefox", "Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:%v.0) Gecko/20100101 Firefox/%v.0", 3, 52},
		{"Internet Explorer", "Windows", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", 3, 0},
	}
}
